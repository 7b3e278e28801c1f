//! What stands above all sections.

use std::path::PathBuf;

use crate::config::file::key::{Caption, Header, Section, at, key};
use crate::config::file::value::Kind;

/// The top of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Top {
    pub(crate) version: u32,
    pub(crate) include: Vec<String>,
    pub(crate) root: Option<PathBuf>,
}

/// The only version there is.
pub(crate) const VERSION: u32 = 1;

pub(crate) static TOP: Section<Top> = Section {
    caption: Caption {
        name: "",
        header: Header::Top,
        title: "the top of the file",
        meaning: "What stands above the first section.",
    },
    within: &[],
    keys: &[
        key(
            "version",
            Kind::Count { least: VERSION, most: VERSION, word: None },
            "",
            "1",
            at!(Top: version),
            "The version of this format; every file says it",
        ),
        key(
            "include",
            Kind::list("\"conf.d/*.toml\""),
            "",
            "[\"conf.d/*.toml\"]",
            at!(Top: include),
            "More files with certificates, functions, routes and policies, in the order of their \
             names; they cannot include others",
        )
        .live(),
        key(
            "root",
            Kind::PATH,
            "",
            "\"/srv/fezz\"",
            at!(Top: root),
            "A directory whose functions/NAME/VERSION/fezz.so are served below /rpc/NAME/VERSION/",
        )
        .live()
        .flag("--root"),
    ],
};
