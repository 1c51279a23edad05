//! No text that we did not seal opens, and no bytes make the session's decoder panic or swell.

use cognigate::crypto::keyring::KeyRing;
use cognigate::crypto::seal::{Purpose, Sealer};
use cognigate::secret::KeyMaterial;
use cognigate::session::codec;

pub(crate) fn run(bytes: &[u8]) {
    let ring = KeyRing::new(&[KeyMaterial::from([7; 32])]);
    let session = Sealer::new(&ring, Purpose::Session, "app.test");
    assert!(session.open(bytes).is_err());
    // One purpose's value is noise to the other, and to its own it is what went in.
    let sealed = Sealer::new(&ring, Purpose::Login, "app.test").seal(bytes);
    assert!(session.open(sealed.as_bytes()).is_err());
    if let Ok(opened) = session.open(session.seal(bytes).as_bytes()) {
        assert_eq!(*opened.bytes, bytes);
    } else {
        assert!(bytes.len() > 32 * 1024, "{} bytes did not open", bytes.len());
    }
    if let Ok(session) = codec::decode(bytes) {
        assert_eq!(codec::decode(&codec::encode(&session)).ok(), Some(session));
    }
}
