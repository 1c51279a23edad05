//! docs/emulator.md holds against the emulator.

use std::net::SocketAddr;

use cognigate::clock::Clock;
use cognigate::emulator::{Emulator, Settings};
use http::StatusCode;
use tokio::sync::oneshot;

const PAGE: &str = include_str!("../../docs/emulator.md");

fn block(language: &str) -> &'static str {
    let start = PAGE.split(&format!("```{language}\n")).nth(1).unwrap();
    start.split("```").next().unwrap()
}

#[test]
fn the_pages_pool_loads_and_is_another_than_the_default() {
    let settings = Settings::from_toml(block("toml")).unwrap();
    assert_eq!(settings.users[0].username, "carol");
    assert_eq!(settings.clients[0].access_token_validity.as_secs(), 300);
}

#[tokio::test]
async fn every_switch_of_the_page_turns_as_it_stands() {
    let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
    let emulator = Emulator::bind(Settings::default(), loopback, Clock::system()).unwrap();
    let base = emulator.base_url();
    let (end, ended) = oneshot::channel::<()>();
    let serving = tokio::spawn(emulator.serve(async {
        let _ = ended.await;
    }));
    let commands: Vec<&str> = block("sh").lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(commands.len(), 13);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for command in commands {
        let (body, url) = command.strip_prefix("curl -d '").unwrap().split_once("' ").unwrap();
        let url = url.replace("http://127.0.0.1:9400", &base);
        let answer = client.post(url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{command}");
    }
    drop(end);
    serving.await.unwrap().unwrap();
}
