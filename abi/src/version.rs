//! Names and numbers that both sides must agree on: symbols, stages, identity.
//!
//! Two symbols are required and frozen. Everything else is optional, found by name, and a missing
//! one has a documented default, so there is no version to negotiate before the first call.

use core::fmt;
use core::mem::{align_of, offset_of, size_of};

/// The level of the boundary this crate implements: `fezz_handle_v2` and `fezz_free_v2`.
pub const ABI_LEVEL: u32 = 2;

/// Required: request envelope in, response envelope out.
pub const SYMBOL_HANDLE: &str = "fezz_handle_v2";
/// Required: frees exactly what `fezz_handle_v2` returned.
pub const SYMBOL_FREE: &str = "fezz_free_v2";
/// Optional data: a [`FezzIdentityV1`] that is readable without loading the artifact.
pub const SYMBOL_IDENTITY: &str = "fezz_identity_v1";
/// Entry point of the earlier JSON boundary; its presence explains a missing `fezz_handle_v2`.
pub const SYMBOL_LEGACY_FETCH: &str = "fezz_fetch";
/// Optional beside `fezz_fetch`: frees the text it returned.
pub const SYMBOL_LEGACY_FREE: &str = "fezz_free";

/// Optional: offer in, answer out.
pub const SYMBOL_HANDSHAKE: &str = "fezz_handshake_v1";
/// Optional: specification in, verdict out.
pub const SYMBOL_SELFCHECK: &str = "fezz_selfcheck_v1";
/// Optional: takes the host's services and the operator's settings.
pub const SYMBOL_INIT: &str = "fezz_init_v1";
/// Optional: hears that nobody waits for a call any more.
pub const SYMBOL_CANCEL: &str = "fezz_cancel_v1";
/// Optional: ends what the function does beside its calls.
pub const SYMBOL_DRAIN: &str = "fezz_drain_v1";
/// Optional: the end of its use.
pub const SYMBOL_FINI: &str = "fezz_fini_v1";

/// Optional entry points. The names are reserved; a host that does not know one ignores it.
pub const SYMBOLS_OPTIONAL: [&str; 6] =
    [SYMBOL_HANDSHAKE, SYMBOL_SELFCHECK, SYMBOL_INIT, SYMBOL_CANCEL, SYMBOL_DRAIN, SYMBOL_FINI];

/// Where a dispatch failed: one label, the same word in log line, metric and admin view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No version of the function fits the request.
    VersionLookup,
    /// The request cannot be expressed as an envelope.
    RequestEnvelope,
    /// Writing the request envelope failed.
    SerializeRequest,
    /// The call itself: no answer, or an answer that is not memory we may read.
    PluginCall,
    /// The answer is not CBOR, is cut short or is empty.
    DeserializeResponse,
    /// The answer is CBOR of the wrong shape or version.
    ResponseEnvelope,
    /// The answer has the right shape and breaks a rule of the envelope.
    ResponseDecode,
    /// The function panicked and its guard said so.
    Panic,
    /// The artifact could not be loaded.
    Load,
    /// The handshake failed or expired.
    Handshake,
    /// The self-check before first traffic failed.
    SelfCheck,
    /// The deadline passed.
    Timeout,
    /// The request was given up: client gone or drain.
    Cancelled,
    /// The process that ran the function ended.
    Crash,
    /// A limit of the operator was reached.
    Limit,
    /// A service of the host failed.
    HostCall,
}

impl Stage {
    /// Every stage, in the order of the documentation; metrics are allocated from this list.
    pub const ALL: [Self; 16] = [
        Self::VersionLookup,
        Self::RequestEnvelope,
        Self::SerializeRequest,
        Self::PluginCall,
        Self::DeserializeResponse,
        Self::ResponseEnvelope,
        Self::ResponseDecode,
        Self::Panic,
        Self::Load,
        Self::Handshake,
        Self::SelfCheck,
        Self::Timeout,
        Self::Cancelled,
        Self::Crash,
        Self::Limit,
        Self::HostCall,
    ];

    /// The stable label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VersionLookup => "version_lookup",
            Self::RequestEnvelope => "request_envelope",
            Self::SerializeRequest => "serialize_request",
            Self::PluginCall => "plugin_call",
            Self::DeserializeResponse => "deserialize_response",
            Self::ResponseEnvelope => "response_envelope",
            Self::ResponseDecode => "response_decode",
            Self::Panic => "panic",
            Self::Load => "load",
            Self::Handshake => "handshake",
            Self::SelfCheck => "self_check",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Crash => "crash",
            Self::Limit => "limit",
            Self::HostCall => "host_call",
        }
    }
}

impl From<fezz_wire::Stage> for Stage {
    fn from(stage: fezz_wire::Stage) -> Self {
        match stage {
            fezz_wire::Stage::DeserializeResponse => Self::DeserializeResponse,
            fezz_wire::Stage::ResponseEnvelope => Self::ResponseEnvelope,
            fezz_wire::Stage::ResponseDecode => Self::ResponseDecode,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `FezzIdentityV1::magic`: the octets `FEZZ` in a little-endian file.
pub const IDENTITY_MAGIC: u32 = 0x5A5A_4546;

/// Flag: every call is bounded and never blocks, so the event loop may make it itself.
pub const FLAG_INLINE_OK: u32 = 1;
/// Flag: the artifact wants a process of its own (it brings a runtime, or is known to crash).
pub const FLAG_WANTS_RUNNER: u32 = 1 << 1;

/// Who the artifact is: plain data without pointers, so that it can be read from the file.
///
/// Append-only. A reader demands [`FezzIdentityV1::BASELINE_BYTES`] and ignores what follows.
/// Integers are in the byte order of the artifact; texts are UTF-8, padded with NUL, and always
/// end in at least one NUL.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FezzIdentityV1 {
    /// Octets of this struct as the artifact was compiled with it.
    pub struct_size: u32,
    /// [`IDENTITY_MAGIC`].
    pub magic: u32,
    /// Highest level of the boundary the artifact implements; see [`ABI_LEVEL`].
    pub abi_level: u32,
    /// `FLAG_*` bits; unknown bits are ignored.
    pub flags: u32,
    /// Most calls that may run at once; 0 means no limit, 1 means one after another.
    pub max_concurrency: u32,
    /// Zero.
    pub reserved: u32,
    /// Name of the function.
    pub name: [u8; 64],
    /// Version of the function, as its author counts.
    pub version: [u8; 32],
    /// What it was built with, such as `fezz 0.1.0`.
    pub sdk: [u8; 32],
    /// Anything that tells two builds apart; all zero if unknown.
    pub build_id: [u8; 32],
}

const _: () = assert!(size_of::<FezzIdentityV1>() == 184);
const _: () = assert!(align_of::<FezzIdentityV1>() == 4);
const _: () = assert!(offset_of!(FezzIdentityV1, struct_size) == 0);
const _: () = assert!(offset_of!(FezzIdentityV1, magic) == 4);
const _: () = assert!(offset_of!(FezzIdentityV1, abi_level) == 8);
const _: () = assert!(offset_of!(FezzIdentityV1, flags) == 12);
const _: () = assert!(offset_of!(FezzIdentityV1, max_concurrency) == 16);
const _: () = assert!(offset_of!(FezzIdentityV1, reserved) == 20);
const _: () = assert!(offset_of!(FezzIdentityV1, name) == 24);
const _: () = assert!(offset_of!(FezzIdentityV1, version) == 88);
const _: () = assert!(offset_of!(FezzIdentityV1, sdk) == 120);
const _: () = assert!(offset_of!(FezzIdentityV1, build_id) == 152);

impl FezzIdentityV1 {
    /// Octets every artifact with an identity has: the size of the first version of the struct.
    pub const BASELINE_BYTES: usize = 184;

    /// An identity with the given texts; each is cut to fit its field, at a character.
    #[must_use]
    pub const fn describe(name: &str, version: &str, sdk: &str, build_id: &str) -> Self {
        Self {
            struct_size: 184,
            magic: IDENTITY_MAGIC,
            abi_level: ABI_LEVEL,
            flags: 0,
            max_concurrency: 0,
            reserved: 0,
            name: padded(name),
            version: padded(version),
            sdk: padded(sdk),
            build_id: padded(build_id),
        }
    }

    /// The same identity with these `FLAG_*` bits.
    #[must_use]
    pub const fn with_flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    /// The same identity with this many calls at once; 0 means no limit.
    #[must_use]
    pub const fn with_max_concurrency(mut self, calls: u32) -> Self {
        self.max_concurrency = calls;
        self
    }

    /// Reads an identity out of the octets of a file in this machine's byte order.
    ///
    /// # Errors
    /// Says which of the fixed values is not there.
    pub fn read(octets: &[u8]) -> Result<Self, IdentityError> {
        let Some(baseline) = octets.first_chunk::<{ Self::BASELINE_BYTES }>() else {
            return Err(IdentityError::Short { bytes: octets.len() });
        };
        let number = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&baseline[at..at + 4]);
            u32::from_ne_bytes(word)
        };
        let identity = Self {
            struct_size: number(0),
            magic: number(4),
            abi_level: number(8),
            flags: number(12),
            max_concurrency: number(16),
            reserved: number(20),
            name: field(baseline, 24),
            version: field(baseline, 88),
            sdk: field(baseline, 120),
            build_id: field(baseline, 152),
        };
        if identity.magic != IDENTITY_MAGIC {
            return Err(IdentityError::Magic { found: identity.magic });
        }
        if (identity.struct_size as usize) < Self::BASELINE_BYTES {
            return Err(IdentityError::StructSize { found: identity.struct_size });
        }
        if identity.name().is_empty() {
            return Err(IdentityError::Name);
        }
        Ok(identity)
    }

    /// Name of the function; empty if the field is not UTF-8.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.name)
    }

    /// Version of the function; empty if the field is not UTF-8.
    #[must_use]
    pub fn version(&self) -> &str {
        text(&self.version)
    }

    /// What built it; empty if the field is not UTF-8.
    #[must_use]
    pub fn sdk(&self) -> &str {
        text(&self.sdk)
    }

    /// Whether the author declared the calls bounded.
    #[must_use]
    pub const fn inline_ok(&self) -> bool {
        self.flags & FLAG_INLINE_OK != 0
    }

    /// Whether the author asked for a process of its own.
    #[must_use]
    pub const fn wants_runner(&self) -> bool {
        self.flags & FLAG_WANTS_RUNNER != 0
    }
}

/// Why an exported `fezz_identity_v1` is not an identity; the author of the artifact can fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// Fewer octets in the file than the struct has.
    Short {
        /// Octets between the symbol and the end of its segment in the file.
        bytes: usize,
    },
    /// The second word is another.
    Magic {
        /// The word that was there.
        found: u32,
    },
    /// The struct claims to be smaller than its first version.
    StructSize {
        /// The size it claims, in octets.
        found: u32,
    },
    /// The name is empty or not UTF-8.
    Name,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { bytes } => {
                write!(f, "{bytes} octets of {} in the file", FezzIdentityV1::BASELINE_BYTES)
            }
            Self::Magic { found } => write!(f, "magic {found:#010x}, not {IDENTITY_MAGIC:#010x}"),
            Self::StructSize { found } => {
                write!(f, "struct_size {found}, not {} or more", FezzIdentityV1::BASELINE_BYTES)
            }
            Self::Name => f.write_str("a name that is empty or not UTF-8"),
        }
    }
}

impl std::error::Error for IdentityError {}

/// `text` cut to `N - 1` octets at a character boundary, then NULs.
const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let octets = text.as_bytes();
    let mut end = if octets.len() < N { octets.len() } else { N - 1 };
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = [0; N];
    let mut at = 0;
    while at < end {
        out[at] = octets[at];
        at += 1;
    }
    out
}

fn field<const N: usize>(octets: &[u8; FezzIdentityV1::BASELINE_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&octets[at..at + N]);
    out
}

fn text(padded: &[u8]) -> &str {
    let end = padded.iter().position(|&octet| octet == 0).unwrap_or(0);
    core::str::from_utf8(&padded[..end]).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_labels_are_the_documented_list() {
        let names: Vec<_> = Stage::ALL.iter().map(|stage| stage.name()).collect();
        assert_eq!(
            names.join(", "),
            "version_lookup, request_envelope, serialize_request, plugin_call, \
             deserialize_response, response_envelope, response_decode, panic, load, handshake, \
             self_check, timeout, cancelled, crash, limit, host_call"
        );
    }

    #[test]
    fn the_envelope_names_its_stages_alike() {
        for stage in [
            fezz_wire::Stage::DeserializeResponse,
            fezz_wire::Stage::ResponseEnvelope,
            fezz_wire::Stage::ResponseDecode,
        ] {
            assert_eq!(Stage::from(stage).name(), stage.name());
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character_and_keep_a_nul() {
        let long = "ä".repeat(40);
        let identity = FezzIdentityV1::describe(&long, "1.2.3", "sdk", "");
        assert_eq!(identity.name(), "ä".repeat(31));
        assert_eq!(identity.version(), "1.2.3");
        assert_eq!(identity.name[62..], [0, 0]);
    }

    #[test]
    fn a_text_without_nul_is_no_text() {
        let mut identity = FezzIdentityV1::describe("x", "1", "s", "");
        identity.version = [b'9'; 32];
        assert_eq!(identity.version(), "");
    }

    #[test]
    fn fixed_values_are_checked() {
        let mut octets = [0_u8; 184];
        octets[0..4].copy_from_slice(&184_u32.to_ne_bytes());
        octets[4..8].copy_from_slice(&IDENTITY_MAGIC.to_ne_bytes());
        assert_eq!(FezzIdentityV1::read(&octets), Err(IdentityError::Name));
        octets[24] = b'f';
        assert_eq!(FezzIdentityV1::read(&octets).unwrap().name(), "f");
        assert_eq!(FezzIdentityV1::read(&octets[..183]), Err(IdentityError::Short { bytes: 183 }));
        octets[0..4].copy_from_slice(&183_u32.to_ne_bytes());
        assert_eq!(FezzIdentityV1::read(&octets), Err(IdentityError::StructSize { found: 183 }));
        octets[4] = 0;
        assert!(matches!(FezzIdentityV1::read(&octets), Err(IdentityError::Magic { .. })));
    }
}
