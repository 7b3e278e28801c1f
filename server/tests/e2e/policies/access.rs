//! Who may ask: by address, by token, by certificate.

use std::path::Path;

use fezz_server::assemble::Functions;
use fezz_server::config::{Auth, ClientCa, PolicyConfig, Serves};
use fezz_wire::RequestView;

use super::{counted, field, folder, get, guarded, refused, status};
use crate::harness::{Running, statuses};
use crate::tls::pki::{Authority, directory, s_client};

fn allow(networks: &[&str]) -> PolicyConfig {
    let allow = networks.iter().map(|text| text.parse().expect("a network")).collect();
    PolicyConfig { allow, ..PolicyConfig::default() }
}

#[test]
fn addresses_are_let_in_or_not() {
    for (allowed, denied, expected) in [
        (&["127.0.0.0/8"][..], &[][..], 200),
        (&["10.0.0.0/8", "::1/128"], &[], 403),
        (&["127.0.0.0/8"], &["127.0.0.1/32"], 403),
        (&[], &["10.0.0.0/8"], 200),
        (&[], &["::ffff:127.0.0.0/104"], 403),
    ] {
        let deny = denied.iter().map(|text| text.parse().expect("a network")).collect();
        let server = Running::start(&guarded(PolicyConfig { deny, ..allow(allowed) }));
        let (head, content) = get(&server, "/", "");
        assert_eq!(status(&head), expected, "{allowed:?} {denied:?}: {head}");
        if expected == 403 {
            assert_eq!(content, b"forbidden\n");
            assert_eq!((counted(&server).acl, counted(&server).auth), (1, 0));
            refused(&server, "denied", 1);
        }
    }
}

/// SHA-256 of `one` and `two`.
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

fn bearer(file: &Path) -> PolicyConfig {
    PolicyConfig {
        auth: Some(Auth::BearerSha256 { file: file.to_owned() }),
        ..PolicyConfig::default()
    }
}

#[test]
fn a_token_is_exchanged_for_a_name() {
    let file = folder("tokens").join("name");
    std::fs::write(&file, format!("# them\n{ONE} the first\n{TWO} the second\n")).expect("written");
    let server = Running::start(&guarded(bearer(&file)));
    let (head, _) = get(&server, "/", "");
    assert_eq!((status(&head), field(&head, "www-authenticate")), (401, Some("Bearer")));
    for wrong in ["Bearer three", "Basic one", "Bearer", "Bearer one two"] {
        let (head, _) = get(&server, "/", &format!("Authorization: {wrong}\r\n"));
        let challenge = field(&head, "www-authenticate");
        assert_eq!((status(&head), challenge), (401, Some("Bearer error=\"invalid_token\"")));
    }
    let twice = "Authorization: Bearer one\r\nAuthorization: Bearer one\r\n";
    assert_eq!(status(&get(&server, "/", twice).0), 401);
    assert_eq!(counted(&server).auth, 6);
    for (token, name) in [("one", "the first"), ("two", "the second")] {
        let fields = format!("X-A: 1\r\naUTHORIZATION: bearer {token}\r\nPrincipal: root\r\n");
        let (head, envelope) = get(&server, "/", &fields);
        assert_eq!(status(&head), 200);
        let request = RequestView::decode(&envelope).expect("an envelope");
        assert_eq!(request.meta().principal(), Some(name));
        let names: Vec<Vec<u8>> = request.headers().map(|(name, _)| name.to_vec()).collect();
        let expected = [&b"Host"[..], b"X-A", b"Principal", b"traceparent"];
        assert_eq!(names, expected, "the token is the server's");
        let trace = request.meta().trace_id().expect("a trace");
        assert!(request.headers().any(|(_, value)| value.get(3..35) == Some(trace.as_bytes())));
    }
    refused(&server, "unauthorized", 6);
}

#[test]
fn an_address_that_is_refused_learns_nothing_of_a_token() {
    let file = folder("tokens").join("address");
    std::fs::write(&file, format!("{ONE} somebody\n")).expect("written");
    let policy = PolicyConfig { allow: allow(&["10.0.0.0/8"]).allow, ..bearer(&file) };
    let server = Running::start(&guarded(policy));
    let replies = ["", "Authorization: Bearer one\r\n", "Authorization: Bearer x\r\n"]
        .map(|fields| get(&server, "/", fields))
        .map(|(head, content)| {
            let lines = head.lines().filter(|line| !line.starts_with("date")).map(str::to_owned);
            (lines.collect::<Vec<_>>(), content)
        });
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
    assert_eq!(statuses(&replies[0].0[0]), [403]);
    assert_eq!((counted(&server).acl, counted(&server).auth), (3, 0));
}

#[test]
fn a_token_is_revoked_by_a_reload_and_a_bad_file_changes_nothing() {
    let file = folder("tokens").join("revoked");
    std::fs::write(&file, format!("{ONE} a\n{TWO} b\n")).expect("written");
    let config = guarded(bearer(&file));
    let functions = Functions::load(&config).expect("it loads");
    let present = functions.registry.clone();
    let server = Running::with(&config, functions);
    let one = || status(&get(&server, "/", "Authorization: Bearer one\r\n").0);
    assert_eq!(one(), 200);
    std::fs::write(&file, format!("{TWO} b\n\nnot a hash\n")).expect("written");
    let complaints = Functions::reload(&config, &present).expect_err("a bad line");
    let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    let place = format!("{}:3: a line is 'HEX PRINCIPAL'", file.display());
    assert!(said[0].contains(&place), "{}", said[0]);
    assert_eq!(one(), 200, "nothing changed");
    std::fs::write(&file, format!("{TWO} b\n")).expect("written");
    server.handle.publish(Functions::reload(&config, &present).expect("good again"));
    assert_eq!(one(), 401);
    assert_eq!(status(&get(&server, "/", "Authorization: Bearer two\r\n").0), 200);
    assert_eq!(counted(&server).auth, 1, "what was counted goes on");
}

#[test]
fn a_certificate_is_a_name_too() {
    let home = directory("policy_certificate");
    let of = |name: &str| Authority::new(directory(&format!("{}/{name}", home.display())));
    let authority = of("ca");
    let mut config = guarded(PolicyConfig {
        auth: Some(Auth::ClientCertificate { subjects: vec!["CN=alice".to_owned()] }),
        ..PolicyConfig::default()
    });
    config.listeners[0].serves = Serves::Tls;
    config.listeners[0].client_ca = Some(ClientCa { file: authority.file(), required: false });
    config.tls.certificates = vec![authority.sign("server", &["localhost"])];
    let server = Running::start(&config);
    let files = ["alice", "bob"].map(|name| authority.sign(name, &["client.example"]));
    let said = |who: Option<usize>| {
        let files = who.map(|who| [&files[who].chain, &files[who].key]);
        let files = files.map(|it| it.map(|path| path.to_str().expect("text").to_owned()));
        let mut words = vec!["-servername", "localhost"];
        if let Some([chain, key]) = &files {
            words.extend(["-cert", chain, "-key", key]);
        }
        let get = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        s_client(server.address, &words, get)
    };
    let alice = said(Some(0));
    assert!(alice.contains("200 OK"), "{alice}");
    assert!(alice.contains("principalhCN=alice"), "as text of eight octets: {alice}");
    for other in [Some(1), None] {
        let refused = said(other);
        assert!(refused.contains("403 Forbidden"), "{refused}");
    }
    assert_eq!(counted(&server).auth, 2);
}
