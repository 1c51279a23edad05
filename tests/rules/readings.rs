//! What an app might read in a path is guarded as the path itself is, before an app and behind nginx.

use super::attacks::{Met, doors};

#[tokio::test]
async fn case_107_no_authority_in_a_path_goes_round_a_rule() {
    for door in doors().await {
        let spellings = [
            "//x/admin/secret",
            "///x/admin/secret",
            "////x/admin/secret",
            "///admin/secret",
            "//a@b/admin/secret",
            "//a:b@c:80/admin/secret",
            "//x:80/admin/secret",
            "//[::1]/admin/secret",
            "//x;y/admin/secret",
            "//x%3Fy/admin/secret",
            "//x%2Fy/admin%2Fsecret",
            "//x//admin/secret",
            "//x//y/admin/secret",
            "/%2Fx/admin/secret",
            "/%2F%2Fx/admin/secret",
            "/%252Fx/admin/secret",
            "/%2509/x/admin/secret",
            "//x/ADMIN;a//secret",
            "//x/index.php/admin/secret",
            "//x/admin",
            "//x/admin?y",
            "//x/closed/y",
            "//x/rest/users",
            "/rest//x/users",
            "//x/rest/users.json",
        ];
        door.denies("GET", &spellings).await;
        door.denies("DELETE", &["//x/orders", "///x/orders/", "//a@b/Orders"]).await;
        door.denies("delete", &["//x/orders"]).await;
        door.lets_bob("GET", &["//x", "//x?/admin/secret", "//x/y", "/http://x/admin/secret"]).await;
        door.lets_bob("GET", &["/x/admin/secret", "/x:80/admin/secret", "/a@b/admin/secret"]).await;
        door.lets_bob("POST", &["//x/orders"]).await;
        for target in ["/public//x/admin/secret", "/public///y"] {
            assert_eq!(door.met(None, "GET", target.as_bytes()).await, Met::Passed, "{target}");
        }
        for target in ["//x/public/y", "//x/health", "///x/public/y"] {
            assert_eq!(door.met(None, "GET", target.as_bytes()).await, Met::Kept, "{target}");
        }
    }
    let [door, _] = doors().await;
    door.denies("GET", &["http://app.test//x/admin/secret"]).await;
    for target in ["http:x/admin", "http:/x/admin", "http:///x/admin", "//x\\@y/admin", "%2F%2Fx/admin"] {
        assert_eq!(door.met(Some(&door.bob), "GET", target.as_bytes()).await, Met::Refused, "{target}");
    }
}

#[tokio::test]
async fn case_108_no_front_controller_goes_round_a_rule() {
    for door in doors().await {
        let spellings = [
            "/index.php/admin/secret",
            "/app.php/admin/secret",
            "/app_dev.php/admin/secret",
            "/INDEX.PHP/Admin/secret",
            "/index.cfm/admin/secret",
            "/dispatch.fcgi/admin/secret",
            "/index.wsgi/admin/secret",
            "/index.php;a/admin/secret",
            "/index.php%2Fadmin%2Fsecret",
            "//index.php//admin/secret",
            "/index.php/admin",
            "/index.php/closed/x",
            "/index.php/rest/users",
            "/rest/index.php/users",
            "/rest/users/index.html",
            "/rest/users.php/5",
            "/admin.php/secret",
            "/console.php/",
            "/console.php/x",
            "/console.php/x.css",
        ];
        door.denies("GET", &spellings).await;
        door.denies("DELETE", &["/index.php/orders", "/orders.php/x"]).await;
        door.lets_bob("POST", &["/index.php/orders"]).await;
        door.lets_bob("GET", &["/index.php", "/index.php/x", "/rest/other.php", "/x.json/rest/users"]).await;
        assert_eq!(door.met(None, "GET", b"/index.php/public/x").await, Met::Kept);
        assert_eq!(door.met(None, "GET", b"/public/index.php/x").await, Met::Passed);
    }
}

#[tokio::test]
async fn case_109_no_suffix_goes_round_a_rule() {
    for door in doors().await {
        let spellings = [
            "/rest/users.json",
            "/rest/users.json/",
            "/rest/users.any",
            "/rest/users.en.json",
            "/rest/Users.JSON",
            "/rest/users%2Ejson",
            "/rest/users.json;v=1",
            "/rest/users;v=1.json",
            "/rest//users.json",
            "/admin.json",
            "/closed.html",
        ];
        door.denies("GET", &spellings).await;
        door.denies("DELETE", &["/orders.json", "/ORDERS.xml/"]).await;
        door.lets_bob("POST", &["/orders.json"]).await;
        door.lets_bob("GET", &["/rest/user.json", "/rest/users/5.json", "/administrator.json"]).await;
        assert_eq!(door.met(None, "GET", b"/health.json").await, Met::Kept);
        assert_eq!(door.met(None, "GET", b"/public/admin.json").await, Met::Passed);
    }
}

#[tokio::test]
async fn case_110_no_letter_of_another_case_goes_round_a_rule() {
    for door in doors().await {
        let spellings = [
            "/adm%C4%B1n/secret",
            "/adm%C4%B0n/secret",
            "/ADM%C4%B1N/secret",
            "/admi%CC%87n/secret",
            "/clo%C5%BFed/x",
            "/%E2%84%AAio%C5%BF%E2%84%AA",
            "/re%C5%BFt/u%C5%BFers",
            "/con%C5%BFole.php/x",
            "//x/%E2%84%AA%C4%B1osk.json",
            "/index.php/%25E2%2584%25AAiosk",
        ];
        door.denies("GET", &spellings).await;
        door.denies("DELETE", &["/order%C5%BF"]).await;
        door.lets_bob("GET", &["/k%C3%ADosk", "/adm%C3%ADn/x", "/%EF%BC%A1dmin/x"]).await;
        assert_eq!(door.met(None, "GET", b"/publ%C4%B1c/x").await, Met::Kept);
    }
}

#[tokio::test]
async fn case_107_and_108_a_path_with_too_many_readings_meets_every_guard() {
    let many = "//a;b.php".repeat(20);
    for door in doors().await {
        door.denies("GET", &[&many, &format!("{many}/admin/x"), &format!("/public{many}")]).await;
    }
}
