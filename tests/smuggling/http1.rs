//! By HTTP/1: where a message ends, in every spelling that some parser reads otherwise.

use tokio::time::timeout;

use super::Arrives::{Cut, Never, Torn, Whole};
use super::{Arrives, Front, Parser, before_both};
use crate::support::wire::{PATIENCE, exchange, status};

before_both!(
    case_60_lengths_and_codings_that_two_parsers_could_read_in_two_ways,
    case_60_a_length_beside_a_coding_is_nothing_that_the_app_hears_of,
    case_61_chunks_that_two_parsers_could_read_in_two_ways,
    case_61_what_looks_like_a_request_stays_the_body_that_it_is,
    case_61_heads_that_two_parsers_could_read_in_two_ways,
    case_61_the_body_of_what_the_gate_refuses_is_never_a_request,
    case_62_what_follows_an_upgrade_that_is_not_granted_is_judged_by_itself,
    pipelined_requests_are_judged_one_by_one,
);

/// An attack by `POST /first`: further lines of the head, each with its end, and what follows the empty line.
type Post = (&'static str, &'static str, Arrives);

async fn all(parser: Parser, attacks: &[Post]) {
    let mut front = Front::with(parser).await;
    for &(lines, rest, arrives) in attacks {
        let whole = format!("POST /first HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n{lines}\r\n{rest}");
        strike(&mut front, &whole, arrives).await;
    }
    front.finish().await;
}

/// Sends an attack and says what became of it. The gate must end the connection.
async fn strike(front: &mut Front, attack: &str, arrives: Arrives) {
    let bytes = front.fill_in(attack);
    let what = format!("{attack:?}");
    let answer = timeout(PATIENCE / 2, exchange(front.alice.gate(), bytes)).await;
    let answer = answer.unwrap_or_else(|_| panic!("the connection goes on behind {what}"));
    let answer = String::from_utf8_lossy(&answer).replace("HTTP/1.1 100 Continue\r\n\r\n", "");
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{what}: {answer}");
    let code = status(answer.as_bytes());
    match arrives {
        Whole(_) => assert_eq!(code, 200, "{what}: {answer}"),
        Never | Torn | Cut(_) => assert!(matches!(code, 0 | 400..=499 | 501 | 505), "{what}: {answer}"),
    }
    front.check(&what, arrives).await;
}

async fn case_60_lengths_and_codings_that_two_parsers_could_read_in_two_ways(parser: Parser) {
    let mut attacks = Vec::new();
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 0\r\nContent-Length: LENGTH\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: -0\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 5e0\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length: 5;\r\n",
        "Content-Length: \"5\"\r\n",
        "Content-Length: \u{b2}\r\n",
        "Content-Length: 5\u{b}\r\n",
        "Content-Length: 5\u{a0}\r\n",
        "Content-Length: 5\0\r\n",
        "Content-Length: five\r\n",
        "Content-Length:\r\n",
        "Content-Length: \r\n 5\r\n",
        "Content-Length: 1\r\n 5\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content-Length : 5\r\n",
        "Content-Length\t: 5\r\n",
        "Content-Length\u{a0}: 5\r\n",
        "Content-Length\0: 5\r\n",
        "Content Length: 5\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: ,\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: 'chunked'\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: chunked chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding: chunked\u{b}\r\n",
        "Transfer-Encoding: chunked\0\r\n",
        "Transfer-Encoding: \0chunked\r\n",
        "Transfer-Encoding: chunked\u{a0}\r\n",
        "Transfer-Encoding: \u{ff}chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding\r\n: chunked\r\n",
        "Transfer-Encoding\r\n : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chun\r\n ked\r\n",
        "Transfer-Encoding: chunked\r\n , identity\r\n",
        " Transfer-Encoding: chunked\r\n",
        "\tTransfer-Encoding: chunked\r\n",
        "\0Transfer-Encoding: chunked\r\n",
        "X: 1\rTransfer-Encoding: chunked\r\n",
        "X: 1\r\rTransfer-Encoding: chunked\r\n",
        "X: 1\r\n\rTransfer-Encoding: chunked\r\n",
        "X: 1\0Transfer-Encoding: chunked\r\n",
        "X: 1\r\n\u{b}Transfer-Encoding: chunked\r\n",
        "X: 1\r\n folded\r\n",
        "X: 1\r\n\tfolded\r\n",
        "X: 1\n folded\r\n",
        "no colon\r\n",
        ": no name\r\n",
        "bad name: 1\r\n",
        "Transfer-Encoding: chunked\r\r\n",
    ] {
        attacks.push((lines, "0\r\n\r\nSMUGGLED", Never));
    }
    // Each of these beside a length that some parser would go by.
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding : chunked\r\n",
        "Content-Length: 5\r\n Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked, identity\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: \0chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding\r\n: chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: cow, chunked\r\nContent-Length: 5\r\n",
    ] {
        attacks.push((lines, "0\r\n\r\nSMUGGLED", Never));
    }
    all(parser, &attacks).await;
}

async fn case_60_a_length_beside_a_coding_is_nothing_that_the_app_hears_of(parser: Parser) {
    const CHUNKS: &str = "2\r\nab\r\n0\r\n\r\nSMUGGLED";
    all(
        parser,
        &[
            // Framed anew by the chunks; the connection ends, so that what follows is nothing.
            ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", CHUNKS, Whole("ab")),
            ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", CHUNKS, Whole("ab")),
            ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", CHUNKS, Whole("ab")),
            ("Transfer-Encoding: \tchunked \r\nContent-Length: 4\r\n", CHUNKS, Whole("ab")),
            ("Transfer-Encoding: CHUNKED\r\nContent-Length: 4\r\n", CHUNKS, Whole("ab")),
            ("X: 1\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n", CHUNKS, Whole("ab")),
            ("Content-Length: 4\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n", CHUNKS, Whole("ab")),
            (
                "Connection: Transfer-Encoding, Content-Length\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                CHUNKS,
                Whole("ab"),
            ),
            // The same length twice is one.
            ("Connection: close\r\nContent-Length: 2\r\nContent-Length: 2\r\n", "abSMUGGLED", Whole("ab")),
            // Other headers by a like name say nothing of the length.
            ("Connection: close\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n", CHUNKS, Whole("2\r\nab")),
            ("Connection: close\r\nTransfer.Encoding: chunked\r\nContent-Length: 5\r\n", CHUNKS, Whole("2\r\nab")),
            ("Connection: close\r\nContent-Encoding: chunked\r\nContent-Length: 5\r\n", CHUNKS, Whole("2\r\nab")),
            ("Connection: close\r\nX-Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", CHUNKS, Whole("2\r\nab")),
            ("Connection: close\r\nTE: chunked\r\nContent-Length: 5\r\n", CHUNKS, Whole("2\r\nab")),
            (
                "Connection: close\r\nContent_Length: 5\r\nTransfer-Encoding: chunked\r\n",
                CHUNKS,
                Whole("ab"),
            ),
            // Nothing can be named away that says where the message ends.
            ("Connection: close, Content-Length\r\nContent-Length: 5\r\n", CHUNKS, Whole("2\r\nab")),
            // An expectation that is none, and one that is.
            ("Connection: close\r\nExpect: y 100-continue\r\nContent-Length: LENGTH\r\n", "SMUGGLED", Whole("SMUGGLED")),
            ("Connection: close\r\nExpect: 100-continue\r\nContent-Length: LENGTH\r\n", "SMUGGLED", Whole("SMUGGLED")),
            (
                "Connection: close\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
                "<HEX>\r\nSMUGGLED\r\n0\r\n\r\n",
                Whole("SMUGGLED"),
            ),
        ],
    )
    .await;
}

async fn case_61_chunks_that_two_parsers_could_read_in_two_ways(parser: Parser) {
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    const CLOSED: &str = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
    let long =
        |c: &str| -> &'static str { format!("2;{}\r\nab\r\n0\r\n\r\nSMUGGLED", c.repeat(70_000)).leak() };
    let mut attacks = vec![
        (CLOSED, long("a"), Torn),
        (CLOSED, long(" "), Torn),
        // Extensions and zeros mean nothing; the app gets chunks of the gate's own.
        (CLOSED, "2;a=b\r\nab\r\n0\r\n\r\nSMUGGLED", Whole("ab")),
        (CLOSED, "2;a=\"0\\r\"\r\nab\r\n0;x\r\n\r\nSMUGGLED", Whole("ab")),
        (CLOSED, "2 \r\nab\r\n0\r\n\r\nSMUGGLED", Whole("ab")),
        (CLOSED, "0002\r\nab\r\n000\r\n\r\nSMUGGLED", Whole("ab")),
        (CLOSED, "A\r\n0123456789\r\n0\r\n\r\nSMUGGLED", Whole("0123456789")),
        (CLOSED, "<HEX>\r\nSMUGGLED\r\n0\r\n\r\nSMUGGLED", Whole("SMUGGLED")),
        (CLOSED, "7\r\n0\r\n\r\nGE\r\n0\r\n\r\nSMUGGLED", Whole("0\r\n\r\nGE")),
        // hyper takes what follows for trailers, and has none of it.
        (CLOSED, "2\r\nab\r\n0\r\n\nSMUGGLED", Whole("ab")),
        // Trailers say nothing of the length either.
        (CLOSED, "2\r\nab\r\n0\r\nContent-Length: 999\r\n\r\nSMUGGLED", Whole("ab")),
        (
            CLOSED,
            "2\r\nab\r\n0\r\nTransfer-Encoding: chunked\r\nHost: evil.test\r\n\r\nSMUGGLED",
            Whole("ab"),
        ),
        (
            "Transfer-Encoding: chunked\r\nConnection: close\r\nTrailer: Content-Length, X\r\n",
            "2\r\nab\r\n0\r\nContent-Length: LENGTH\r\nX: 1\r\n\r\nSMUGGLED",
            Whole("ab"),
        ),
    ];
    for chunks in [
        "2\nab\n0\n\n",
        "2\nab\r\n0\r\n\r\n",
        "2\r\nab\n0\r\n\r\n",
        "2\r\nab\r\n0\n\n",
        "2\rab\r0\r\r",
        "2\r\nab\r0\r\n\r\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "2\r\nabXX0\r\n\r\n",
        "2\r\nab0\r\n\r\n",
        "3\r\nab\r\n0\r\n\r\n",
        "-1\r\nab\r\n0\r\n\r\n",
        "+2\r\nab\r\n0\r\n\r\n",
        "0x2\r\nab\r\n0\r\n\r\n",
        "0_2\r\nab\r\n0\r\n\r\n",
        "2 2\r\nab\r\n0\r\n\r\n",
        " 2\r\nab\r\n0\r\n\r\n",
        "2.0\r\nab\r\n0\r\n\r\n",
        "2,2\r\nab\r\n0\r\n\r\n",
        "\r\nab\r\n0\r\n\r\n",
        ";a\r\nab\r\n0\r\n\r\n",
        "g\r\nab\r\n0\r\n\r\n",
        "2\u{b}\r\nab\r\n0\r\n\r\n",
        "2\0\r\nab\r\n0\r\n\r\n",
        "2;a\nb\r\nab\r\n0\r\n\r\n",
        "2;\n\r\nab\r\n0\r\n\r\n",
        "2;a\rb\r\nab\r\n0\r\n\r\n",
        "10000000000000002\r\nab\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nab\r\n0\r\n\r\n",
        "2\r\nab\r\n0\r\nno colon\r\n\r\n",
        "2\r\nab\r\n0\r\nX : 1\r\n\r\n",
        "2\r\nab\r\n0\r\nX: 1\r\n folded\r\n\r\n",
        "2\r\nab\r\n0\r\nX: 1\rY: 2\r\n\r\n",
        "2\r\nab\r\n0\r\nX: \0\r\n\r\n",
    ] {
        attacks.push((CHUNKED, format!("{chunks}SMUGGLED").leak(), Torn));
    }
    all(parser, &attacks).await;
}

async fn case_61_what_looks_like_a_request_stays_the_body_that_it_is(parser: Parser) {
    let mut front = Front::with(parser).await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "FOO"] {
        for (lines, body) in [
            ("Content-Length: LENGTH", "SMUGGLED"),
            ("Transfer-Encoding: chunked", "<HEX>\r\nSMUGGLED\r\n0\r\n\r\n"),
        ] {
            let attack = format!(
                "{method} /first HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\nConnection: close\r\n{lines}\r\n\r\n{body}"
            );
            strike(&mut front, &attack, Whole("SMUGGLED")).await;
        }
    }
    // HTTP/1.0 has lengths and no chunks, and a connection that goes on where both want it to.
    for (lines, body, arrives) in [
        ("Content-Length: LENGTH\r\n", "SMUGGLED", Whole("SMUGGLED")),
        ("", "SMUGGLED", Whole("")),
        ("Connection: close\r\n", "SMUGGLED", Whole("")),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\nSMUGGLED", Never),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\nSMUGGLED", Never),
        ("Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nSMUGGLED", Never),
        ("Transfer-Encoding: identity\r\n", "0\r\n\r\nSMUGGLED", Never),
    ] {
        let attack =
            format!("POST /first HTTP/1.0\r\nHost: app.test\r\nCookie: COOKIES\r\n{lines}\r\n{body}");
        strike(&mut front, &attack, arrives).await;
    }
    front.finish().await;
}

async fn case_61_heads_that_two_parsers_could_read_in_two_ways(parser: Parser) {
    const HOST: &str = "Host: app.test\r\nCookie: COOKIES\r\nConnection: close\r\n";
    let mut front = Front::with(parser).await;
    for (start, arrives) in [
        // Lines that end by LF alone, and empty ones before the first, as RFC 9112 §2.2 lets a server read them.
        ("GET /first HTTP/1.1\n", Whole("")),
        ("\r\nGET /first HTTP/1.1\r\n", Whole("")),
        ("\nGET /first HTTP/1.1\r\n", Whole("")),
        // The absolute form is the same request.
        ("GET http://app.test/first HTTP/1.1\r\n", Whole("")),
        ("GET https://app.test:443/first HTTP/1.1\r\n", Whole("")),
        ("GET http://evil.test/first HTTP/1.1\r\n", Never),
        ("GET http://app.test@evil.test/first HTTP/1.1\r\n", Never),
        ("GET http://app.test /first HTTP/1.1\r\n", Never),
        ("GET //evil.test/first http/1.1\r\n", Never),
        ("GET  /first HTTP/1.1\r\n", Never),
        ("GET\t/first HTTP/1.1\r\n", Never),
        ("GET /first\tHTTP/1.1\r\n", Never),
        ("GET /first  HTTP/1.1\r\n", Never),
        ("GET /first HTTP/1.1 \r\n", Never),
        (" GET /first HTTP/1.1\r\n", Never),
        ("GET /first HTTP/1.1\r", Never),
        ("GET /first HTTP/1.1\r\r\n", Never),
        ("GET /first HTTP/1.1 HTTP/1.1\r\n", Never),
        ("GET /first x HTTP/1.1\r\n", Never),
        ("GET /first\0 HTTP/1.1\r\n", Never),
        ("GET /first\u{b} HTTP/1.1\r\n", Never),
        ("GET /first\r HTTP/1.1\r\n", Never),
        ("GET /first\u{a0}HTTP/1.1\r\n", Never),
        ("GET /first HTTP/1.1\0\r\n", Never),
        ("GET /first HTTP/01.1\r\n", Never),
        ("GET /first HTTP/1.11\r\n", Never),
        ("GET /first HTTP/1,1\r\n", Never),
        ("GET /first HTTP/2.0\r\n", Never),
        ("GET /first\r\n", Never),
        ("GET /first\n", Never),
        ("G\rET /first HTTP/1.1\r\n", Never),
        ("GET: /first HTTP/1.1\r\n", Never),
        ("CONNECT /first HTTP/1.1\r\n", Never),
        ("CONNECT app.test:443 HTTP/1.1\r\n", Never),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", Never),
    ] {
        strike(&mut front, &format!("{start}{HOST}\r\nSMUGGLED"), arrives).await;
    }
    for hosts in
        ["", "Host: app.test\r\nHost: app.test\r\n", "Host: app.test\r\nHost: evil.test\r\n", "Host: \r\n"]
    {
        let attack =
            format!("GET /first HTTP/1.1\r\n{hosts}Cookie: COOKIES\r\nConnection: close\r\n\r\nSMUGGLED");
        strike(&mut front, &attack, Never).await;
    }
    front.finish().await;
}

async fn case_61_the_body_of_what_the_gate_refuses_is_never_a_request(parser: Parser) {
    let mut front = Front::with(parser).await;
    for start in [
        // Without a session, with a bad path, of the gate's own, with a method that is not taken: all are answered
        // without the body, which has a session.
        "POST /first HTTP/1.1\r\nHost: app.test\r\n",
        "POST /first HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\n",
        "POST /first HTTP/1.1\r\nHost: evil.test\r\nCookie: COOKIES\r\n",
        "POST /first/../x HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n",
        "POST /oauth2/nothing HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n",
        "POST /oauth2/callback HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n",
        "GET /oauth2/callback HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n",
        "TRACE /first HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n",
        "CONNECT app.test:443 HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n",
    ] {
        for (lines, body) in [
            ("Content-Length: LENGTH", "SMUGGLED"),
            ("Content-Length: 100000", "SMUGGLED"),
            ("Transfer-Encoding: chunked", "<HEX>\r\nSMUGGLED\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked", "<HEX>\nSMUGGLED\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked", "2\r\nabSMUGGLED"),
            ("Transfer-Encoding: chunked\r\nContent-Length: 2", "0\r\n\r\nSMUGGLED"),
            ("Transfer-Encoding: gzip, chunked", "0\r\n\r\nSMUGGLED"),
        ] {
            strike(&mut front, &format!("{start}Connection: close\r\n{lines}\r\n\r\n{body}"), Never).await;
        }
    }
    front.finish().await;
}

async fn case_62_what_follows_an_upgrade_that_is_not_granted_is_judged_by_itself(parser: Parser) {
    let mut front = Front::with(parser).await;
    for upgrade in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: foo\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://app.test\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        "Upgrade: websocket\r\n",
    ] {
        let first = format!("GET /first HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n{upgrade}\r\n");
        // The app says 200. What follows has no session, so that the gate must have looked at it.
        let second = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n";
        let bytes = front.fill_in(&format!("{first}{second}"));
        let answers = exchange(front.alice.gate(), bytes).await;
        assert_eq!(codes(&answers)[0], 200, "{upgrade}");
        assert!(
            matches!(codes(&answers)[1..], [] | [401]),
            "{upgrade}: {}",
            String::from_utf8_lossy(&answers)
        );
        front.check(upgrade, Whole("")).await;
        // Nor is it HTTP/2 because the client goes on so.
        let bytes = front.fill_in(&format!("{first}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nSMUGGLED"));
        let answers = exchange(front.alice.gate(), bytes).await;
        assert!(matches!(codes(&answers)[..], [200] | [200, 400]), "{}", String::from_utf8_lossy(&answers));
        front.check(upgrade, Whole("")).await;
    }
    front.finish().await;
}

async fn pipelined_requests_are_judged_one_by_one(parser: Parser) {
    let mut front = Front::with(parser).await;
    let first = "POST /first HTTP/1.1\r\nHost: app.test\r\nCookie: COOKIES\r\n";
    let nobody = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
    let last = "GET /smuggled HTTP/1.1\r\nHost: evil.test\r\nCookie: COOKIES\r\nConnection: close\r\n\r\n";
    for body in
        ["Content-Length: 2\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "\r\n"]
    {
        let bytes = front.fill_in(&format!("{first}{body}{nobody}{nobody}{last}"));
        let answers = exchange(front.alice.gate(), bytes).await;
        assert_eq!(codes(&answers), [200, 401, 401, 421], "{body:?}");
        let arrives = if body == "\r\n" { Whole("") } else { Whole("ab") };
        front.check(body, arrives).await;
    }
    front.finish().await;
}

fn codes(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    text.match_indices("HTTP/1.1 ").map(|(at, _)| text[at + 9..at + 12].parse().unwrap()).collect()
}
