//! What clients may ask for: numbers, sizes and times with bounds of their own.

use std::time::Duration;

use super::{Given, assert_says};

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let config = Given::minimal().config();
    let limits = &config.limits;
    assert_eq!((limits.header_bytes, limits.header_fields, limits.uri_bytes), (65_536, 100, 16_384));
    assert_eq!(
        (limits.body_bytes, limits.connections, limits.memory, limits.streams),
        (None, None, None, 128)
    );
    let times =
        [limits.header_timeout, limits.tls_handshake_timeout, limits.idle_timeout, limits.stall_timeout];
    assert_eq!(times, [10, 10, 75, 60].map(Duration::from_secs));
    let shutdown = [config.shutdown.drain_delay, config.shutdown.timeout];
    assert_eq!(shutdown, [5, 30].map(Duration::from_secs));
}

#[test]
fn numbers_and_sizes_are_read_from_every_layer() {
    let given = Given::with("limits.connections", "20")
        .text("limits.body_bytes", "1MiB")
        .text("limits.memory", "64MiB");
    let limits = given.config().limits;
    assert_eq!(
        (limits.connections, limits.body_bytes, limits.memory),
        (Some(20), Some(1 << 20), Some(64 << 20))
    );
    let given = Given::minimal()
        .variable("COGNIGATE_LIMITS__CONNECTIONS", "21")
        .flag("limits.streams", "7")
        .flag("limits.header_bytes", "2KiB");
    let config = given.config();
    assert_eq!((config.limits.connections, config.limits.streams), (Some(21), 7));
    assert_eq!(config.limits.header_bytes, 2048);
    let shown = config.effective.to_string();
    assert!(shown.contains("connections = 21 # COGNIGATE_LIMITS__CONNECTIONS\n"), "{shown}");
    assert!(shown.contains("streams = 7 # command line\n"), "{shown}");
}

#[test]
fn what_is_none_of_them_is_refused_and_its_key_named() {
    for (key, value, says) in [
        ("limits.connections", "'20'", "a whole number, without quotes, but is a string"),
        ("limits.connections", "-1", "whole number, and not below 0"),
        ("limits.connections", "1.5", "a whole number, without quotes, but is a float"),
        ("limits.connections", "0", "from 1 to 1000000"),
        ("limits.streams", "10001", "from 1 to 10000"),
        ("limits.header_fields", "9", "from 10 to 1000"),
        ("limits.header_bytes", "65536", "a size in quotes, such as \"64KiB\", but is an integer"),
        ("limits.header_bytes", "'64k'", "such as \"512B\""),
        ("limits.header_bytes", "'2MiB'", "from 1KiB to 1MiB"),
        ("limits.uri_bytes", "'64KiB'", "from 1KiB to 63KiB"),
        ("limits.memory", "'4MiB'", "from 16MiB to 1024GiB"),
        ("limits.memory", "64", "a size in quotes, such as \"64KiB\", but is an integer"),
        ("limits.idle_timeout", "'0s'", "at least 1s"),
        ("limits.stall_timeout", "'25h'", "at most 24h"),
        ("shutdown.timeout", "'0s'", "at least 1s"),
        ("shutdown.drain_delay", "'25h'", "at most 24h"),
    ] {
        let message = Given::with(key, value).problem();
        assert_says(&message, &[&format!("{key} (cognigate.toml:"), says]);
    }
    let message = Given::minimal().flag("limits.streams", "many").problem();
    assert_says(&message, &["limits.streams (command line)", "must be a whole number"]);
    assert_eq!(Given::with("shutdown.drain_delay", "'0s'").config().shutdown.drain_delay, Duration::ZERO);
}
