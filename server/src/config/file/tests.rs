//! The file as people write it, and what they are told.

use std::path::Path;

use super::*;

const SMALLEST: &str = r#"
version = 1
[[listener]]
address = "[::]:8080"
[[function]]
name = "hello"
artifact = "./libhello.so"
[[route]]
path = "/{*rest}"
function = "hello"
"#;

fn load(text: &str) -> Loaded {
    read_text(text, Path::new("/etc/fezz")).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(|it| format!("{it}\n")).collect::<String>())
    })
}

#[test]
fn the_smallest_one() {
    let Loaded { config, origins } = load(SMALLEST);
    assert_eq!(config.functions[0].artifact, Path::new("/etc/fezz/./libhello.so"));
    assert_eq!(config.routes[0].pattern.path, "/{*rest}");
    assert_eq!(config.metrics.listen.unwrap().to_string(), "127.0.0.1:9464");
    assert_eq!(config.limits, super::super::Limits::default());
    assert_eq!(origins.line_of("route[0].path"), Some((Path::new("fezz.toml"), 9)));
    assert_eq!(origins.line_of("limits.body"), None);
}
