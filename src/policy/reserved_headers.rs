//! Header names that no client may send to the app, because a server, a framework or a gateway believes them.
//!
//! A client that may set one of these can have another path, method or host served than the one that the rules judged, or
//! can pass for another user. The names are grouped by what they claim, and the comments say who reads them.
//! `docs/http.md` lists all of them, and `deploy/nginx/clear_headers.conf` clears them where nginx forwards the requests;
//! tests compare both with this file.
//!
//! Names that real clients send for another purpose are not here: `X-Requested-With`, `X-Api-Key`, `X-Auth-Token`,
//! `X-CSRF-Token`, `X-Middleware-Prefetch`, `X-MS-Version`, WebDAV's `Destination` and so on.

/// What a reserved header claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// What is asked for: a path, its prefix, a whole URL.
    Path,
    /// Another method than the request line's. Reserved only for sites whose rules name methods.
    Method,
    /// How the request came here: scheme, host, port, the proxies on its way.
    Route,
    /// The client's address. A trusted proxy may say it.
    ClientAddress,
    /// A client certificate, or another part of a TLS handshake that took place elsewhere.
    ClientCertificate,
    /// Who sends the request.
    User,
    /// A variable that a CGI server sets itself.
    Cgi,
    /// A header that frames the message or belongs to its connection, in another spelling than its own.
    Framing,
}

/// The names by claim, in lower case. A line holds several, and a star at the end of a name stands for whatever follows.
///
/// What such a name covers may follow it: nginx knows no stars, so `clear_headers.conf` has these.
pub const GROUPS: [(Claim, &[&str]); 7] = [
    (Claim::Path, PATH),
    (Claim::Method, METHOD),
    (Claim::Route, ROUTE),
    (Claim::ClientAddress, CLIENT_ADDRESS),
    (Claim::ClientCertificate, CLIENT_CERTIFICATE),
    (Claim::User, USER),
    (Claim::Cgi, CGI),
];

/// Every name with its claim.
pub fn names() -> impl Iterator<Item = (Claim, &'static str)> {
    GROUPS.into_iter().flat_map(|(claim, lines)| {
        lines.iter().flat_map(|line| line.split_whitespace()).map(move |name| (claim, name))
    })
}

const PATH: &[&str] = &[
    // gunicorn (setting forwarder_headers): believed of 127.0.0.1 and ::1 by default.
    "script-name path-info",
    // Daphne (http_protocol.py and ws_protocol.py): the ASGI root_path, by default and of every client.
    "daphne-root-path",
    // IIS URL Rewrite and ISAPI_Rewrite set these; WordPress, Zend Framework, Laminas and Yii serve what they name.
    "x-original-* x-original-url x-original-uri x-original-path x-original-host x-original-method x-original-for",
    "x-original-proto x-original-prefix x-original-upgrade x-rewrite-* x-rewrite-url x-rewrite-uri x-rewrite-path",
    // Middleware that mounts a WSGI, ASGI or PSGI app below a prefix: Flask's ReverseProxied, Plack's ReverseProxyPath.
    "root-path x-root-path x-script-name x-traversal-path x-context-path",
    // Pyramid's traversal, by default (VH_ROOT_KEY), and repoze.vhm.
    "x-vhm-* x-vhm-root x-vhm-host",
    // Dancer's uri_base, and Catalyst's TraitFor::Request::ProxyBase.
    "request-base x-request-base",
    // Next.js: the page that is rendered, and what its middleware has decided (CVE-2025-29927).
    "x-matched-path x-now-route-matches x-invoke-path x-invoke-query x-invoke-status x-invoke-output x-invoke-error",
    "x-middleware-subrequest x-middleware-subrequest-id x-middleware-rewrite x-middleware-redirect x-middleware-next",
    "x-middleware-skip x-middleware-override-headers x-middleware-set-cookie",
    // Rack::Sendfile (CVE-2025-61780) and Plack's XSendfile: which file the server in front hands out.
    "x-sendfile-type x-accel-mapping",
    // Azure's App Service and Static Web Apps: the path as the client wrote it.
    "x-waws-unencoded-url x-ms-original-url",
    // Envoy: what was asked for before a route rewrote it.
    "x-envoy-original-* x-envoy-original-path x-envoy-original-host x-envoy-original-method x-envoy-original-dst-host",
    // No framework reads these by default that we know of. Apps and API gateways have been found to, and scanners try
    // them for that.
    "x-override-url x-http-path-override x-http-destinationurl x-request-uri x-request-url x-request-path x-proxy-url",
    "x-proxy-path x-custom-url",
];

const METHOD: &[&str] = &[
    // Symfony, Laravel, CakePHP, Yii, Rack::MethodOverride, ASP.NET Core's HttpMethodOverride, Jersey.
    "x-http-method-override http-method-override",
    // Microsoft's OData, then IBM's APIs, then examples of Express's method-override.
    "x-http-method x-method-override method-override x-method _method",
    "x-request-method x-tunneled-method",
];

const ROUTE: &[&str] = &[
    // RFC 9110 §7.6.3 and RFC 7239, which the gate sets itself.
    "via forwarded* forwarded forwarded-for forwarded-host forwarded-proto forwarded-prefix",
    // What nearly every framework has a switch to believe: Django, Rails, Spring, Symfony, Express, ASP.NET Core, Jetty,
    // Tomcat's RemoteIpValve, Werkzeug's ProxyFix. Envoy's client certificate and Traefik's are among them.
    "x-forwarded* x-forwarded x-forwarded-access-token x-forwarded-by x-forwarded-client-cert x-forwarded-email",
    "x-forwarded-for x-forwarded-groups x-forwarded-host x-forwarded-https x-forwarded-method x-forwarded-path",
    "x-forwarded-port x-forwarded-preferred-username x-forwarded-prefix x-forwarded-proto x-forwarded-proto-version",
    "x-forwarded-protocol x-forwarded-scheme x-forwarded-script-name x-forwarded-server x-forwarded-ssl",
    "x-forwarded-tls-client-cert x-forwarded-tls-client-cert-info x-forwarded-uri x-forwarded-user",
    // The gate sets it, and takes the client's own where it is well-formed.
    "x-request-id",
    // Jetty's ForwardedRequestCustomizer.
    "x-proxied-https",
    // Tornado (xheaders), Sanic, Flask's ReverseProxied.
    "x-scheme x-url-scheme url-scheme x-proto",
    // Microsoft's ISA Server and ARR, which Yii and Symfony know too, and Azure's App Service.
    "front-end-https x-arr-ssl x-appservice-proto disguised-host",
    "x-appengine-https",
    // WooCommerce and others took `HTTPS: 1`, which Chrome 44 sent, for a request by TLS.
    "https x-https",
    // Cloudflare and CloudFront. WordPress plugins read both.
    "cf-visitor cloudfront-forwarded-proto",
    // Symfony's and Laravel's elders, and apps that build the links of their mails from them.
    "x-host x-http-host x-http-host-override x-server-name x-backend-host",
    // Common misspellings that apps read.
    "x-forward-for x-forward-host x-forward-proto",
    // Java code that asks getHeader() for the names of CGI variables.
    "http-x-forwarded* http-x-forwarded http-x-forwarded-for http-x-forwarded-host http-x-forwarded-proto",
    "http-forwarded* http-forwarded http-forwarded-for http-host http-via http-client-ip http-x-cluster-client-ip",
    "http-x-real-ip",
    // Envoy: whether the request comes from within the mesh.
    "x-envoy-internal",
    // The address that the gate sets itself, of a trusted proxy too.
    "x-real-ip",
];

const CLIENT_ADDRESS: &[&str] = &[
    // Rails (ActionDispatch::RemoteIp), PHP apps, Azure's front ends.
    "client-ip x-client-ip x-cluster-client-ip",
    // Java code that looks for an address, and WebLogic.
    "proxy-client-ip wl-proxy-client-ip x-remote-addr x-remote-host x-remote-ip x-originating-ip x-proxyuser-ip",
    // Content delivery networks and hosters: Akamai, Alibaba, Azure, Cloudflare, DigitalOcean, Fastly, Fly, Imperva,
    // Netlify, Sucuri, Vercel, App Engine; and Envoy.
    "true-client-ip ali-cdn-real-ip cdn-src-ip x-azure-clientip x-azure-socketip cf-connecting-ip cf-connecting-ipv6",
    "cf-pseudo-ipv4 do-connecting-ip fastly-client-ip fly-client-ip incap-client-ip x-nf-client-connection-ip",
    "x-sucuri-clientip x-vercel-forwarded-for x-appengine-user-ip x-envoy-external-address",
];

const CLIENT_CERTIFICATE: &[&str] = &[
    // RFC 9440.
    "client-cert* client-cert client-cert-chain",
    // mod_ssl's variables as headers: Tomcat's SSLValve, Undertow's SSLHeaderHandler, Keycloak, ingress-nginx, Doorkeeper.
    "ssl-client* ssl-client-cert ssl-client-escaped-cert ssl-client-verify ssl-client-s-dn ssl-client-i-dn",
    "ssl-client-subject-dn ssl-client-issuer-dn ssl-client-fingerprint ssl-client-serial ssl-cipher",
    "ssl-cipher-usekeysize ssl-protocol ssl-session-id",
    // HAProxy's and nginx's examples, Puppet Server, Kong, ASP.NET Core's certificate forwarding.
    "x-ssl* x-ssl x-ssl-cert x-ssl-client-cert x-ssl-client-verify x-ssl-client-cn x-ssl-client-dn x-ssl-client-s-dn",
    "x-ssl-client-i-dn x-ssl-client-serial x-ssl-client-sha1 x-ssl-issuer x-ssl-subject x-ssl-cipher x-ssl-protocol",
    "x-ssl-session-id x-client-cert* x-client-cert x-client-cert-chain x-client-cert-dn x-client-cert-hash",
    "x-client-cert-present x-client-cert-subject x-client-cert-verify x-client-verify x-client-dn x-client-s-dn",
    "x-client-i-dn x-client-serial x-client-fingerprint x-tls-client* x-tls-client-cert x-tls-client-subject",
    "x-tls-client-verify",
    // Jetty's ForwardedRequestCustomizer.
    "proxy-auth-cert proxy-ssl-id",
    // WebLogic, where its plug-in is enabled.
    "wl-proxy-client-cert wl-proxy-client-keysize wl-proxy-client-secretkeysize wl-proxy-ssl proxy-client-cert",
    // Azure's App Service, AWS's Application Load Balancer, Cloudflare.
    "x-arr-clientcert x-amzn-mtls-* x-amzn-mtls-clientcert x-amzn-mtls-clientcert-leaf x-amzn-mtls-clientcert-subject",
    "x-amzn-mtls-clientcert-serial-number x-amzn-mtls-clientcert-issuer x-amzn-mtls-clientcert-validity",
    "cf-cert-* cf-cert-presented cf-cert-verified cf-cert-subject-dn cf-client-cert-* cf-client-cert-der-base64",
    "cf-client-cert-sha256",
];

const USER: &[&str] = &[
    // RFC 9110 §11.6.2.
    "authorization",
    // oauth2-proxy, which the gate stands in for, and AWS's Application Load Balancer.
    "x-auth-request-* x-auth-request-access-token x-auth-request-decision x-auth-request-email x-auth-request-groups",
    "x-auth-request-preferred-username x-auth-request-redirect x-auth-request-user",
    "x-amzn-oidc-* x-amzn-oidc-accesstoken x-amzn-oidc-data x-amzn-oidc-identity",
    // CGI's REMOTE_USER as a header. Authelia sends the four; Grafana, Galaxy, Paperless, Gitea and others believe them.
    "remote-user remote-email remote-groups remote-name unmapped-remote-user auth-user auth-type auth-password",
    "logon-user",
    // aws-serverless-express takes the authorizer's claims from the first two, AWS's Lambda Web Adapter sends the others.
    "x-apigateway-event x-apigateway-context x-amzn-request-context x-amzn-lambda-context",
    // OpenSearch's security plugin, CouchDB's proxy authentication, Apache NiFi.
    "x-proxy-user x-proxy-roles x-auth-couchdb-username x-auth-couchdb-roles",
    "x-auth-couchdb-token x-proxiedentitieschain",
    // Roles beside REMOTE_USER, and ngrok's OAuth action.
    "x-remote-role x-remote-roles remote-role remote-roles",
    "ngrok-auth-user-email ngrok-auth-user-id ngrok-auth-user-name",
    // Kubernetes' front proxy, and many an app.
    "x-remote-user x-remote-group x-remote-groups x-remote-uid x-remote-email x-remote-name x-remote-extra-*",
    "x-remote-extra-scopes",
    // Grafana's and Gitea's auth proxies, authentik, Vouch, caddy-security, Tailscale, Pomerium.
    "x-webauth-* x-webauth-user x-webauth-email x-webauth-fullname x-webauth-groups x-webauth-name x-webauth-role",
    "x-authentik-* x-authentik-email x-authentik-groups x-authentik-jwt x-authentik-name x-authentik-uid",
    "x-authentik-username x-vouch-* x-vouch-user x-vouch-success x-vouch-token x-vouch-idp-accesstoken",
    "x-vouch-idp-idtoken x-token-subject x-token-user-* x-token-user-email x-token-user-name x-token-user-roles",
    "tailscale-user-* tailscale-user-login tailscale-user-name tailscale-user-profile-pic x-pomerium-claim-*",
    "x-pomerium-claim-email x-pomerium-claim-groups x-pomerium-claim-user x-pomerium-jwt-assertion",
    // Kong, lua-resty-openidc and APISIX; Google's Endpoints and API Gateway. The claims are unsigned base64.
    "x-authenticated-* x-authenticated-userid x-authenticated-user x-authenticated-email x-authenticated-groups",
    "x-authenticated-scope x-consumer-id x-consumer-username x-consumer-custom-id x-consumer-groups",
    "x-anonymous-consumer x-credential-identifier x-credential-username x-userinfo x-endpoint-api-userinfo",
    "x-apigateway-api-userinfo",
    // Cloudflare Access and Google's IAP.
    "cf-access-authenticated-user-* cf-access-authenticated-user-email cf-access-jwt-assertion",
    "x-goog-authenticated-user-* x-goog-authenticated-user-email x-goog-authenticated-user-id x-goog-iap-*",
    "x-goog-iap-jwt-assertion",
    // App Engine and what calls it, which it takes from nobody else.
    "x-appengine-user-email x-appengine-user-id x-appengine-user-is-admin x-appengine-user-nickname",
    "x-appengine-user-organization x-appengine-auth-domain x-appengine-inbound-appid x-appengine-cron",
    "x-appengine-queuename x-appengine-taskname x-cloudscheduler x-cloudtasks-queuename",
    // Azure's App Service, the ASP.NET Core module for IIS, iisnode.
    "x-ms-client-principal* x-ms-client-principal x-ms-client-principal-id x-ms-client-principal-idp",
    "x-ms-client-principal-name x-ms-token-* x-ms-token-aad-access-token x-ms-token-aad-expires-on",
    "x-ms-token-aad-id-token x-ms-token-aad-refresh-token ms-aspnetcore-* ms-aspnetcore-clientcert",
    "ms-aspnetcore-event ms-aspnetcore-token ms-aspnetcore-user ms-aspnetcore-winauthtoken",
    "x-iisnode-* x-iisnode-auth-type x-iisnode-auth-user x-iisnode-https x-iisnode-logon-user x-iisnode-remote-addr",
    // Shibboleth (ShibUseHeaders) and Apache's mod_auth_openidc.
    "shib-* shib-application-id shib-authentication-method shib-handler shib-identity-provider shib-session-id",
    "oidc-* oidc-access-token oidc-claim-email oidc-claim-groups oidc-claim-sub oidc-id-token oidc-id-token-payload",
    // SiteMinder, IBM's WebSEAL, Oracle's Access Manager.
    "sm-user sm-userdn sm-usergroups sm-universalid sm-authtype sm-serversessionid iv-user iv-user-l iv-groups iv-creds",
    "iv-remote-address iv-server-name oam-remote-user oam-identity-domain osso-user-dn osso-user-guid osso-subscriber",
];

const CGI: &[&str] = &[
    // RFC 3875 §4.1. Servers write HTTP_ in front of what a client sends; code that looks for a variable under both names
    // believes the client where the server did not set its own.
    "gateway-interface path-translated query-string remote-addr remote-host remote-ident remote-port request-method",
    "server-addr server-name server-port server-port-secure server-protocol server-software",
    // Apache, nginx, IIS and PHP add these.
    "context-path document-name document-root document-uri iis-wasurlrewritten orig-path-info orig-path-translated",
    "orig-script-name php-self raw-uri redirect-remote-user redirect-status redirect-uri redirect-url request-path",
    "request-scheme request-uri request-url script-filename script-uri script-url servlet-path unencoded-url",
    // HTTP_PROXY is where the HTTP clients of CGI programs find their proxy (httpoxy, CVE-2016-5385).
    "proxy",
    // WebSphere's plug-in: $WSRU is the user, $WSCC the client's certificate, $WSSN the host, $WSSC the scheme.
    "$wsat $wscc $wscs $wsfo $wsis $wsodrinfo $wspc $wspr $wspt $wsra $wsrh $wsru $wssc $wssi $wssn $wssp",
];

/// Headers that frame a message or belong to its connection. Spelled like this they are the connection's own business; in
/// any other spelling a server behind us could still act on them.
pub(super) const FRAMING: [&str; 14] = [
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
