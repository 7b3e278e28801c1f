//! What the pages of the documentation show can be read, and means what they say.

use std::path::Path;
use std::time::Duration;

use fezz_server::config::file::read_text;
use fezz_server::config::{Auth, Config, RateKey};

/// The examples of a page, with functions, a listener and an authority that they take for granted.
fn shown(page: &str) -> Config {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page))
            .expect("the page");
    let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut whole = "version = 1\n\
                     [[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n\
                     client_auth.ca = \"ca.pem\"\n\
                     [[certificate]]\ncert = \"c.pem\"\nkey = \"k.pem\"\n"
        .to_owned();
    for (name, version) in
        [("orders", "2.1.4"), ("orders", "2.0.3"), ("search", "3.0"), ("search", "4.0")]
    {
        whole += &format!(
            "[[function]]\nname = \"{name}\"\nversion = \"{version}\"\nartifact = \"./x.so\"\n"
        );
    }
    blocks.for_each(|block| whole += block);
    if page == "routing.md" {
        whole += "[policy.partners]\n";
    } else {
        whole += "[[route]]\npath = \"/\"\nfunction = \"orders\"\npolicy = \"public\"\n";
    }
    match read_text(&whole, Path::new("/")) {
        Ok(loaded) => loaded.config,
        Err(complaints) => {
            let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            panic!("{page}: {}\n{whole}", said.join("\n"))
        }
    }
}

#[test]
fn the_routes_of_the_page_are_routes() {
    let config = shown("routing.md");
    let routes = &config.routes;
    assert_eq!(routes.len(), 3);
    assert_eq!(routes[0].pattern.to_string(), "GET,PUT:api.example.com/orders/{id}");
    assert_eq!(routes[0].body_bytes_max, Some(8 << 20));
    assert_eq!(routes[0].handler, Some(Duration::from_secs(10)));
    let when = routes[1].when.as_ref().expect("a field");
    assert_eq!((when.name.as_str(), when.value.as_str()), ("api-version", "2.0"));
}

#[test]
fn the_policies_of_the_page_are_policies() {
    let config = shown("policies.md");
    let named = |name: &str| {
        config.policies.iter().find(|policy| policy.name == name).expect("it is there")
    };
    let public = &named("public").rate_limits[0];
    assert_eq!((public.key, public.requests, public.burst), (RateKey::ClientIp, 50, 100));
    let partners = named("partners");
    assert_eq!((partners.allow.len(), partners.deny.len()), (2, 1));
    assert!(matches!(partners.auth, Some(Auth::BearerSha256 { .. })));
    assert_eq!(partners.concurrency, Some(32));
    assert!(partners.rate_limits[1].dry_run);
    let cors = partners.cors.as_ref().expect("origins");
    assert_eq!(cors.max_age, Some(Duration::from_mins(10)));
    assert!(matches!(named("machines").auth, Some(Auth::ClientCertificate { .. })));
}
