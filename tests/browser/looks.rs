//! How our pages look: on a phone as on a desk, in light and dark, under a policy that lets no other style in.

use serde_json::json;

use super::chromium::Chromium;
use crate::demo::Demo;

/// What is wrong with the page that is shown, as text; empty where nothing is.
const FAULTS: &str = "
    const style = getComputedStyle(document.body), faults = [];
    const light = color => {
        const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map(part => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    // WCAG 2.2, 1.4.3
    const contrast = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const ground = light(style.backgroundColor), ink = light(style.color);
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    if (getComputedStyle(document.querySelector('main')).borderRadius === '0px') faults.push('no style');
    if (dark !== ground < 0.5) faults.push('not the colour scheme that was asked for');
    if (contrast(ground, ink) < 7) faults.push('text that is hard to read');
    for (const each of document.querySelectorAll('.action, button')) {
        const { backgroundColor, color, height } = getComputedStyle(each);
        if (contrast(light(backgroundColor), light(color)) < 4.5) faults.push('a button that is hard to read');
        if (parseFloat(height) < 44) faults.push('a button that is hard to hit');
    }
    if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the screen');
    return faults.join(', ');
";

#[tokio::test]
async fn our_pages_fit_a_phone_and_are_legible_in_light_and_dark() {
    let demo = Demo::start();
    let browser = Chromium::start().await;
    let own = |path: &str| format!("{}{path}", demo.url());
    for (page, says) in [
        (own("/oauth2/signed_out"), "You are signed out"),
        (own("/oauth2/callback"), "Sign-in failed"),
        (own("/oauth2/nowhere"), "Not found"),
        (format!("http://127.0.0.1:{}/", demo.port), "Wrong address"),
        (own("/"), "Sign in to your account"),
    ] {
        browser.go(&page).await;
        browser.shows(says).await;
        for (width, scheme) in [(1200, "light"), (360, "light"), (360, "dark")] {
            let screen =
                json!({ "width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 500 });
            browser.devtools("Emulation.setDeviceMetricsOverride", screen).await;
            let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            browser.devtools("Emulation.setEmulatedMedia", media).await;
            let faults = browser.script(FAULTS).await;
            assert_eq!(faults, "", "{page} at {width} pixels in {scheme}");
        }
    }
}
