//! Every reason to refuse octets of a peer: one variant, one stable name, one status.
//!
//! The list below is the only one: variants, names, statuses, texts and the list of names that
//! tests walk through are made from it together, so none can be forgotten.

use core::fmt;

macro_rules! refusals {
    ($(
        #[doc = $text:literal]
        $variant:ident $({ $max:ident })? => $status:literal $name:literal,
    )+) => {
        /// Why the octets of a peer are refused. The peer is to blame for all of them.
        ///
        /// `offset` counts octets from the first one of the head, or of the chunked body: the
        /// octet that is wrong, the first octet beyond a limit, or the start of the value that
        /// is wrong as a whole. It does not depend on how the octets arrived.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Error {
            $(
                #[doc = $text]
                $variant {
                    /// Octets in front of the refused one.
                    offset: u64,
                    $(
                        /// The limit that was passed.
                        $max: u64,
                    )?
                },
            )+
        }

        impl Error {
            /// The names of all variants, in the order of their declaration.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Name and status of all variants, in the order of their declaration.
            pub const STATUSES: &'static [(&'static str, u16)] = &[$(($name, $status)),+];

            /// Octets in front of the refused one.
            #[must_use]
            pub const fn offset(&self) -> u64 {
                match *self { $(Self::$variant { offset, .. } => offset,)+ }
            }

            /// The stable reason word, for logs and counters.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match *self { $(Self::$variant { .. } => $name,)+ }
            }

            /// The status code of the response.
            #[must_use]
            pub const fn status(&self) -> u16 {
                match *self { $(Self::$variant { .. } => $status,)+ }
            }

            /// The sentence that documents the variant.
            #[must_use]
            pub const fn text(&self) -> &'static str {
                match *self { $(Self::$variant { .. } => $text.trim_ascii(),)+ }
            }

            pub(crate) const fn moved(mut self, octets: u64) -> Self {
                match &mut self { $(Self::$variant { offset, .. } => *offset += octets,)+ }
                self
            }
        }
    };
}

refusals! {
    /// A line feed does not follow a carriage return.
    BareLf => 400 "bare_lf",
    /// A carriage return is not followed by a line feed.
    BareCr => 400 "bare_cr",
    /// More empty lines stand before the request line than are skipped.
    LeadingEmptyLines => 400 "leading_empty_lines",
    /// The method holds an octet that no token may hold.
    MethodOctet => 400 "method_octet",
    /// The method is longer than any method that is implemented.
    MethodTooLong { max } => 501 "method_too_long",
    /// The request line is over its limit.
    RequestLineTooLong { max } => 414 "request_line_too_long",
    /// The request line ends before its HTTP-version.
    RequestLineIncomplete => 400 "request_line_incomplete",
    /// There is nothing between the two spaces of the request line.
    TargetEmpty => 400 "target_empty",
    /// The target holds an octet that is no visible ASCII character.
    TargetOctet => 400 "target_octet",
    /// The target has none of the four forms, or one that does not go with the method.
    TargetForm => 400 "target_form",
    /// The path holds a character that must be percent-encoded.
    PathOctet => 400 "path_octet",
    /// The query holds a character that must be percent-encoded.
    QueryOctet => 400 "query_octet",
    /// A percent sign is not followed by two hexadecimal digits.
    PercentEncoding => 400 "percent_encoding",
    /// A percent-encoded NUL.
    PercentNul => 400 "percent_nul",
    /// The HTTP-version is not `HTTP/`, a digit, a dot and a digit.
    VersionSyntax => 400 "version_syntax",
    /// The major version of the protocol is not 1.
    VersionUnsupported => 505 "version_unsupported",
    /// A field line starts with white space: line folding, or a line that hides.
    FieldLineSpace => 400 "field_line_space",
    /// A field line has an empty name.
    FieldNameEmpty => 400 "field_name_empty",
    /// A field name holds an octet that no token may hold.
    FieldNameOctet => 400 "field_name_octet",
    /// White space stands between a field name and its colon.
    FieldNameSpace => 400 "field_name_space",
    /// A field line has no colon.
    FieldColonMissing => 400 "field_colon_missing",
    /// A field value holds a control character.
    FieldValueOctet => 400 "field_value_octet",
    /// A field line is over its limit.
    FieldLineTooLong { max } => 431 "field_line_too_long",
    /// The field section is over its limit.
    FieldSectionTooLong { max } => 431 "field_section_too_long",
    /// There are more field lines than allowed.
    TooManyFields { max } => 431 "too_many_fields",
    /// Transfer-Encoding in an HTTP/1.0 request.
    TransferEncodingInHttp10 => 400 "transfer_encoding_in_http10",
    /// Transfer-Encoding together with Content-Length.
    TransferEncodingWithLength => 400 "transfer_encoding_with_length",
    /// Transfer-Encoding is not exactly `chunked`, once and last.
    TransferEncodingInvalid => 400 "transfer_encoding_invalid",
    /// A transfer coding before `chunked` is not implemented.
    TransferCodingUnknown => 501 "transfer_coding_unknown",
    /// Content-Length stands on more than one line.
    ContentLengthRepeated => 400 "content_length_repeated",
    /// Content-Length is not a row of digits.
    ContentLengthInvalid => 400 "content_length_invalid",
    /// Content-Length is a number no server can receive.
    ContentLengthTooLarge { max_digits } => 413 "content_length_too_large",
    /// An HTTP/1.1 request has no Host.
    HostMissing => 400 "host_missing",
    /// Host stands on more than one line.
    HostRepeated => 400 "host_repeated",
    /// The authority names no host.
    HostEmpty => 400 "host_empty",
    /// The host holds a character that no host may hold.
    HostOctet => 400 "host_octet",
    /// The host is longer than a name can be.
    HostTooLong { max } => 400 "host_too_long",
    /// An address in brackets is not an IPv6 address.
    HostAddress => 400 "host_address",
    /// The port is not a number from 0 to 65535.
    PortInvalid => 400 "port_invalid",
    /// CONNECT names no port.
    PortMissing => 400 "port_missing",
    /// The target carries user information in front of its host.
    Userinfo => 400 "userinfo",
    /// A connection option is not a token.
    ConnectionOptionInvalid => 400 "connection_option_invalid",
    /// There are more connection options than are looked at.
    TooManyConnectionOptions { max } => 431 "too_many_connection_options",
    /// The target names a scheme that is not served.
    SchemeUnsupported => 421 "scheme_unsupported",
    /// CONNECT: this server opens no tunnels.
    ConnectUnsupported => 501 "connect_unsupported",
    /// An expectation other than 100-continue.
    ExpectationUnknown => 417 "expectation_unknown",
    /// A chunk size is not a row of hexadecimal digits.
    ChunkSizeInvalid => 400 "chunk_size_invalid",
    /// A chunk size has more digits than fit a number.
    ChunkSizeTooLong { max } => 400 "chunk_size_too_long",
    /// A chunk-size line is over its limit.
    ChunkLineTooLong { max } => 400 "chunk_line_too_long",
    /// A chunk extension is not `;name`, `;name=token` or `;name="quoted"`.
    ChunkExtensionInvalid => 400 "chunk_extension_invalid",
    /// The chunk extensions of the message are over their limit.
    ChunkExtensionsTooLong { max } => 400 "chunk_extensions_too_long",
    /// Chunk data is not followed by CRLF.
    ChunkDataEnd => 400 "chunk_data_end",
    /// The chunk sizes add up to more octets than the body may have.
    BodyTooLarge => 413 "body_too_large",
    /// The trailer section is over its limit.
    TrailerSectionTooLong { max } => 431 "trailer_section_too_long",
    /// There are more trailer field lines than allowed.
    TooManyTrailers { max } => 431 "too_many_trailers",
}

impl Error {
    /// Whether the connection ends with the response: always, because the octets behind the
    /// refused one cannot be told to be a request (RFC 9112 §2.2, §6.3).
    #[must_use]
    pub const fn closes(&self) -> bool {
        true
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Error {}
