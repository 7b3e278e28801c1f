//! The life of a connection as a table: every legal move is in [`next`], and nowhere else.
//!
//! The outer match is on the phase, the inner one on the event, and every event is named in every
//! arm: a new event is a compile error in nine places, each of which must decide. The matrix is
//! committed as `tests/phase.table` and its laws are tested in `tests/table.rs`.

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// What comes before requests is in progress: a PROXY header, a TLS handshake.
    Handshake,
    /// Between requests: nothing of the next one has been received.
    Idle,
    /// A head has begun.
    Head,
    /// A complete, valid head waits for the driver's verdict.
    Route,
    /// The request's content is arriving.
    Body,
    /// A worker has the request.
    Handle,
    /// A reply is leaving.
    Write,
    /// Our side is closed; what still arrives is read and dropped, so that a reset does not
    /// destroy the reply (RFC 9112 §9.6).
    Linger,
    /// Over. Absorbs everything.
    Closed,
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// What comes before requests is done: the TLS handshake, or, without TLS, the PROXY header.
    Secured,
    /// The first octet of a request arrived.
    Started,
    /// A whole, valid head arrived.
    HeadDone,
    /// The driver takes the request, which has no content.
    Admitted,
    /// The driver takes the request, whose content is still to be received.
    AdmittedBody,
    /// The content is complete.
    BodyDone,
    /// The request is refused: by the parser, a limit, the driver or a worker.
    Refused,
    /// The reply is here: the function's, or the driver's own to a head that it judged.
    Replied,
    /// The whole reply is promised or sent, and the connection stays.
    SentKeep,
    /// The whole reply is sent, and the connection ends.
    SentClose,
    /// The one deadline passed.
    Expired,
    /// The peer ended its side and more octets are needed.
    PeerEof,
    /// The connection is broken.
    PeerGone,
    /// The server drains, or this idle connection is shed.
    Drain,
    /// The server wants the connection gone now.
    Kill,
}

/// What the move asks the connection to do besides entering the next phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Nothing more than being there.
    Enter,
    /// Ask the driver for a verdict.
    Route,
    /// Hand the request over.
    Dispatch,
    /// The staged reply or refusal becomes the outbox.
    Say,
    /// Stage and say 408.
    SayTimeout,
    /// Stage and say 504; the ticket is void.
    SayLate,
    /// Begin the next exchange.
    Recycle,
    /// Close our side once everything promised is sent.
    Shut,
    /// Release the socket politely.
    Close,
    /// Release the socket with a reset.
    Reset,
    /// Release the socket with a reset; the ticket is void.
    ForgetReset,
    /// This exchange will be the last.
    NoKeep,
}

/// A pair that must never meet: our bug, not the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Forbidden {
    /// Where the connection was.
    pub phase: Phase,
    /// What cannot happen there.
    pub event: Event,
}

impl Phase {
    /// Every phase, in table order.
    pub const ALL: [Self; 9] = [
        Self::Handshake,
        Self::Idle,
        Self::Head,
        Self::Route,
        Self::Body,
        Self::Handle,
        Self::Write,
        Self::Linger,
        Self::Closed,
    ];

    /// The phase's stable name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Route => "route",
            Self::Body => "body",
            Self::Handle => "handle",
            Self::Write => "write",
            Self::Linger => "linger",
            Self::Closed => "closed",
        }
    }
}

impl Event {
    /// Every event, in table order.
    pub const ALL: [Self; 15] = [
        Self::Secured,
        Self::Started,
        Self::HeadDone,
        Self::Admitted,
        Self::AdmittedBody,
        Self::BodyDone,
        Self::Refused,
        Self::Replied,
        Self::SentKeep,
        Self::SentClose,
        Self::Expired,
        Self::PeerEof,
        Self::PeerGone,
        Self::Drain,
        Self::Kill,
    ];
}

/// The table. Inlined everywhere: with the event a constant, little of it is left.
///
/// # Errors
///
/// [`Forbidden`] when the event cannot happen in that phase. That is a bug of the caller: a panic
/// in debug builds and under the fuzzers, a counted close in release builds.
#[inline(always)]
pub const fn next(phase: Phase, event: Event) -> Result<(Phase, Act), Forbidden> {
    use Act as A;
    use Phase as P;
    let row = match phase {
        P::Handshake => in_handshake(event),
        P::Idle => in_idle(event),
        P::Head => in_head(event),
        P::Route => in_route(event),
        P::Body => in_body(event),
        P::Handle => in_handle(event),
        P::Write => in_write(event),
        P::Linger => in_linger(event),
        P::Closed => Some((P::Closed, A::Enter)),
    };
    match row {
        Some(step) => Ok(step),
        None => Err(Forbidden { phase, event }),
    }
}

type Cell = Option<(Phase, Act)>;

#[inline(always)]
const fn in_handshake(event: Event) -> Cell {
    match event {
        Event::Secured => Some((Phase::Idle, Act::Enter)),
        Event::Refused => Some((Phase::Linger, Act::Shut)),
        Event::Expired | Event::Kill => Some((Phase::Closed, Act::Reset)),
        Event::PeerEof | Event::PeerGone | Event::Drain => Some((Phase::Closed, Act::Close)),
        Event::Started
        | Event::HeadDone
        | Event::Admitted
        | Event::AdmittedBody
        | Event::BodyDone
        | Event::Replied
        | Event::SentKeep
        | Event::SentClose => None,
    }
}

#[inline(always)]
const fn in_idle(event: Event) -> Cell {
    match event {
        Event::Started => Some((Phase::Head, Act::Enter)),
        Event::Expired | Event::PeerEof | Event::PeerGone => Some((Phase::Closed, Act::Close)),
        Event::Drain => Some((Phase::Linger, Act::Shut)),
        Event::Kill => Some((Phase::Closed, Act::Reset)),
        Event::Secured
        | Event::HeadDone
        | Event::Admitted
        | Event::AdmittedBody
        | Event::BodyDone
        | Event::Refused
        | Event::Replied
        | Event::SentKeep
        | Event::SentClose => None,
    }
}

#[inline(always)]
const fn in_head(event: Event) -> Cell {
    match event {
        Event::HeadDone => Some((Phase::Route, Act::Route)),
        Event::Refused => Some((Phase::Write, Act::Say)),
        Event::Expired => Some((Phase::Write, Act::SayTimeout)),
        Event::PeerEof | Event::PeerGone => Some((Phase::Closed, Act::Close)),
        Event::Drain => Some((Phase::Head, Act::NoKeep)),
        Event::Kill => Some((Phase::Closed, Act::Reset)),
        Event::Secured
        | Event::Started
        | Event::Admitted
        | Event::AdmittedBody
        | Event::BodyDone
        | Event::Replied
        | Event::SentKeep
        | Event::SentClose => None,
    }
}

#[inline(always)]
const fn in_route(event: Event) -> Cell {
    match event {
        Event::Admitted => Some((Phase::Handle, Act::Dispatch)),
        Event::AdmittedBody => Some((Phase::Body, Act::Enter)),
        Event::Refused | Event::Replied => Some((Phase::Write, Act::Say)),
        Event::Expired => Some((Phase::Write, Act::SayLate)),
        Event::PeerGone | Event::Kill => Some((Phase::Closed, Act::ForgetReset)),
        Event::Drain => Some((Phase::Route, Act::NoKeep)),
        Event::Secured
        | Event::Started
        | Event::HeadDone
        | Event::BodyDone
        | Event::SentKeep
        | Event::SentClose
        | Event::PeerEof => None,
    }
}

#[inline(always)]
const fn in_body(event: Event) -> Cell {
    match event {
        Event::BodyDone => Some((Phase::Handle, Act::Dispatch)),
        Event::Refused => Some((Phase::Write, Act::Say)),
        Event::Expired => Some((Phase::Write, Act::SayTimeout)),
        Event::PeerEof | Event::PeerGone => Some((Phase::Closed, Act::Close)),
        Event::Drain => Some((Phase::Body, Act::NoKeep)),
        Event::Kill => Some((Phase::Closed, Act::Reset)),
        Event::Secured
        | Event::Started
        | Event::HeadDone
        | Event::Admitted
        | Event::AdmittedBody
        | Event::Replied
        | Event::SentKeep
        | Event::SentClose => None,
    }
}

#[inline(always)]
const fn in_handle(event: Event) -> Cell {
    match event {
        Event::Refused | Event::Replied => Some((Phase::Write, Act::Say)),
        Event::Expired => Some((Phase::Write, Act::SayLate)),
        Event::PeerGone | Event::Kill => Some((Phase::Closed, Act::ForgetReset)),
        Event::Drain => Some((Phase::Handle, Act::NoKeep)),
        Event::Secured
        | Event::Started
        | Event::HeadDone
        | Event::Admitted
        | Event::AdmittedBody
        | Event::BodyDone
        | Event::SentKeep
        | Event::SentClose
        | Event::PeerEof => None,
    }
}

#[inline(always)]
const fn in_write(event: Event) -> Cell {
    match event {
        Event::SentKeep => Some((Phase::Idle, Act::Recycle)),
        Event::SentClose => Some((Phase::Linger, Act::Shut)),
        Event::Expired | Event::Kill => Some((Phase::Closed, Act::Reset)),
        Event::PeerGone => Some((Phase::Closed, Act::Close)),
        Event::Drain => Some((Phase::Write, Act::NoKeep)),
        Event::Secured
        | Event::Started
        | Event::HeadDone
        | Event::Admitted
        | Event::AdmittedBody
        | Event::BodyDone
        | Event::Refused
        | Event::Replied
        | Event::PeerEof => None,
    }
}

#[inline(always)]
const fn in_linger(event: Event) -> Cell {
    match event {
        Event::Expired | Event::PeerEof | Event::PeerGone => Some((Phase::Closed, Act::Close)),
        Event::Drain => Some((Phase::Linger, Act::Enter)),
        Event::Kill => Some((Phase::Closed, Act::Reset)),
        Event::Secured
        | Event::Started
        | Event::HeadDone
        | Event::Admitted
        | Event::AdmittedBody
        | Event::BodyDone
        | Event::Refused
        | Event::Replied
        | Event::SentKeep
        | Event::SentClose => None,
    }
}
