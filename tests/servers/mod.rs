//! Real servers with tiny apps behind the gate: what an app serves is what a rule judged, however the client spells it.
//!
//! Each server gets some thousands of requests by raw sockets: spellings of guarded paths, of methods, and of names of headers by
//! which a server might take a path, a user or a host. The app says how it read each of them (`apps/README.md`), and
//! the rules are asked about that.

mod attacks;
mod headers;
mod oracle;
mod path_parts;
mod paths;
mod random;
mod recipes;
mod running;
mod wire;

use attacks::hold;
use recipes::{BEHIND_CGI, Loose};

mod gunicorn {
    use super::{Loose, hold, recipes};

    #[tokio::test]
    async fn case_136_flask() {
        hold("", recipes::gunicorn("flask_app:app", Loose::No)).await;
    }

    #[tokio::test]
    async fn case_136_django() {
        hold("", recipes::gunicorn("django_app:wsgi", Loose::No)).await;
    }

    #[tokio::test]
    async fn case_136_django_with_loose_routes() {
        hold("", recipes::gunicorn("django_app:wsgi", Loose::Yes)).await;
    }
}

mod uvicorn {
    use super::{hold, recipes};

    #[tokio::test]
    async fn case_136_starlette_by_h11() {
        hold("", recipes::uvicorn("h11")).await;
    }

    #[tokio::test]
    async fn case_136_starlette_by_httptools() {
        hold("", recipes::uvicorn("httptools")).await;
    }
}

mod hypercorn {
    use super::{hold, recipes};

    #[tokio::test]
    async fn case_136_starlette() {
        hold("", recipes::hypercorn("starlette_app:app")).await;
    }

    #[tokio::test]
    async fn case_136_flask() {
        hold("", recipes::hypercorn("wsgi:flask_app:app")).await;
    }
}

mod daphne {
    use super::{Loose, hold, recipes};

    #[tokio::test]
    async fn case_136_django() {
        hold("", recipes::daphne("django_app:asgi", Loose::No)).await;
    }

    #[tokio::test]
    async fn case_136_channels_with_loose_routes() {
        hold("", recipes::daphne("django_app:channels", Loose::Yes)).await;
    }
}

mod node {
    use super::{Loose, hold, recipes};

    #[tokio::test]
    async fn case_136_http_with_new_url() {
        hold("", recipes::node("url")).await;
    }

    #[tokio::test]
    async fn case_136_http_with_url_parse() {
        hold("", recipes::node("parse")).await;
    }

    #[tokio::test]
    async fn case_136_express_4() {
        hold("", recipes::express("express4")).await;
    }

    #[tokio::test]
    async fn case_136_express_5() {
        hold("", recipes::express("express5")).await;
    }

    #[tokio::test]
    async fn case_136_express_files() {
        hold("", recipes::express_files).await;
    }

    #[tokio::test]
    async fn case_136_fastify() {
        hold("", recipes::fastify(Loose::No)).await;
    }

    #[tokio::test]
    async fn case_136_fastify_with_loose_routes() {
        hold("", recipes::fastify(Loose::Yes)).await;
    }
}

mod go {
    use super::{hold, recipes};

    #[tokio::test]
    async fn case_136_servemux() {
        hold("", recipes::go).await;
    }

    #[tokio::test]
    async fn case_136_files() {
        hold("", recipes::go_files).await;
    }
}

mod php {
    use super::{hold, recipes};

    #[tokio::test]
    async fn case_136_router_with_parse_url() {
        hold("", recipes::php_router).await;
    }

    #[tokio::test]
    async fn case_136_path_info() {
        hold("", recipes::php_path_info).await;
    }
}

mod lighttpd {
    use super::{BEHIND_CGI, hold, recipes};

    #[tokio::test]
    async fn case_136_files() {
        hold("", recipes::lighttpd_static).await;
    }

    #[tokio::test]
    async fn case_136_cgi() {
        hold(BEHIND_CGI, recipes::lighttpd_cgi).await;
    }

    #[tokio::test]
    async fn case_136_cgi_for_every_path() {
        hold("", recipes::lighttpd_rewritten).await;
    }
}

mod busybox {
    use super::{BEHIND_CGI, hold, recipes};

    #[tokio::test]
    async fn case_136_files() {
        hold("", recipes::busybox).await;
    }

    #[tokio::test]
    async fn case_136_cgi() {
        hold(BEHIND_CGI, recipes::busybox_cgi).await;
    }
}

mod nginx {
    use super::{hold, recipes};

    #[tokio::test]
    async fn case_136_files() {
        hold("", recipes::nginx).await;
    }
}
