//! A path that is accepted is kept to the byte, and a browser's parser finds no other path in it.

use cognigate::policy::path::CanonicalPath;
use percent_encoding::percent_decode_str;
use url::Url;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(path) = str::from_utf8(bytes) else { return };
    let Ok(canonical) = CanonicalPath::parse(path) else { return };
    assert_eq!(canonical.raw(), path);
    let again = CanonicalPath::parse(canonical.raw());
    assert_eq!(again.as_ref(), Ok(&canonical));
    // Something after it, since a parser drops spaces at a URL's end.
    let read = Url::parse(&format!("http://app.test{path}/end")).unwrap();
    let once = percent_decode_str(path).decode_utf8().unwrap();
    // It escapes what we leave alone, such as braces, and nothing else.
    assert_eq!(percent_decode_str(read.path()).decode_utf8().unwrap(), format!("{once}/end"));
    assert_eq!(read.path().matches('/').count(), path.matches('/').count() + 1);
    // With its escapes undone there is still no way up, nor around.
    for text in [once.as_ref(), &percent_decode_str(&once).decode_utf8_lossy()] {
        assert!(!text.contains(['\\', '\0']), "{text}");
        assert!(text.split('/').all(|segment| !matches!(segment, "." | "..")), "{text}");
    }
    assert_eq!(canonical.judged().replace("%2F", "/").replace("%25", "%"), once);
}
