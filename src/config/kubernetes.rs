//! The variables that Kubernetes puts into every container for a Service whose name begins with `cognigate`.
//!
//! <https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables>

use std::ffi::OsStr;

use super::key::VARIABLE_PREFIX;

/// True for `COGNIGATE_SERVICE_HOST`, `COGNIGATE_SERVICE_PORT[_NAME]`, `COGNIGATE_PORT` and
/// `COGNIGATE_PORT_8080_TCP[_PROTO|_PORT|_ADDR]`, and for those of `cognigate-something`.
///
/// Never for a name with `__`, which is meant for us.
pub(super) fn is_service_variable(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return false };
    if rest.contains("__") {
        return false;
    }
    // Behind a further part of the Service's name, or at once.
    let rest = format!("_{rest}");
    rest.ends_with("_SERVICE_HOST")
        || rest.ends_with("_SERVICE_PORT")
        || rest.contains("_SERVICE_PORT_")
        || rest.ends_with("_PORT")
        || rest.match_indices("_PORT_").any(|(at, found)| is_port(&rest[at + found.len()..]))
}

/// `8080_TCP`, perhaps with `_PROTO`, `_PORT` or `_ADDR`.
fn is_port(text: &str) -> bool {
    let mut parts = text.split('_');
    let number = parts.next().is_some_and(|part| part.parse::<u16>().is_ok());
    let protocol = matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"));
    let property = matches!(parts.next(), None | Some("PROTO" | "PORT" | "ADDR"));
    number && protocol && property && parts.next().is_none()
}

/// False where a person seems to have set the variable: `…_PORT` is `tcp://10.0.0.1:8080` where Kubernetes sets it.
pub(super) fn is_service_value(name: &str, value: &OsStr) -> bool {
    let at_service_port = name.ends_with("_SERVICE_PORT") || !name.ends_with("_PORT");
    at_service_port || value.to_str().is_some_and(|value| value.contains("://") || is_port_property(name))
}

fn is_port_property(name: &str) -> bool {
    ["_TCP_PORT", "_UDP_PORT", "_SCTP_PORT"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_variables_are_told_from_ours() {
        for name in [
            "COGNIGATE_SERVICE_HOST",
            "COGNIGATE_SERVICE_PORT",
            "COGNIGATE_SERVICE_PORT_HTTP",
            "COGNIGATE_SERVICE_PORT_HTTP_ADMIN",
            "COGNIGATE_PORT",
            "COGNIGATE_PORT_8080_TCP",
            "COGNIGATE_PORT_8080_TCP_PROTO",
            "COGNIGATE_PORT_8080_TCP_PORT",
            "COGNIGATE_PORT_8080_TCP_ADDR",
            "COGNIGATE_PORT_53_UDP_ADDR",
            "COGNIGATE_PORT_36412_SCTP",
            "COGNIGATE_ADMIN_SERVICE_HOST",
            "COGNIGATE_ADMIN_SERVICE_PORT",
            "COGNIGATE_ADMIN_PORT",
            "COGNIGATE_ADMIN_PORT_9090_TCP_ADDR",
        ] {
            assert!(is_service_variable(name), "{name}");
        }
        for name in [
            "COGNIGATE_UPSTREAM",
            "COGNIGATE_PUBLIC_URL",
            "COGNIGATE_PORTS",
            "COGNIGATE_SERVICE",
            "COGNIGATE_PORT_HTTP_TCP",
            "COGNIGATE_PORT_8080_QUIC",
            "COGNIGATE_PORT_8080_TCP_NAME",
            "COGNIGATE_PORT_99999_TCP",
            "COGNIGATE_LISTEN__PORT",
            "COGNIGATE_LISTEN__SERVICE_HOST",
            "XCOGNIGATE_SERVICE_HOST",
        ] {
            assert!(!is_service_variable(name), "{name}");
        }
    }

    #[test]
    fn a_port_that_a_person_set_is_noticed() {
        let by_kubernetes = |name, value: &str| is_service_value(name, OsStr::new(value));
        assert!(by_kubernetes("COGNIGATE_PORT", "tcp://10.0.0.1:8080"));
        assert!(by_kubernetes("COGNIGATE_SERVICE_PORT", "8080"));
        assert!(by_kubernetes("COGNIGATE_PORT_8080_TCP_PORT", "8080"));
        assert!(by_kubernetes("COGNIGATE_SERVICE_HOST", "10.0.0.1"));
        assert!(!by_kubernetes("COGNIGATE_PORT", "8080"));
    }
}
