//! The least a server on mio can do: nothing it leaves out could be left out by one that answers.
//!
//! One edge-triggered loop. It reads once, looks for blank lines only, skips the body of a POST by
//! the first `content-length` it sees, and writes one constant per request, all answers of one
//! read in one write: two system calls per request on a kept connection. It is the yardstick of
//! `stress/bench` and obeys no RFC beyond that.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use clap::Parser;
use memchr::memmem::Finder;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use fezz_stress::limits::raise_descriptor_limit;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\
    date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nhello";
const LENGTH: &[u8] = b"\r\ncontent-length: ";
/// The load generator's templates end that way when they want the server to close.
const CLOSE: &[u8] = b"\r\nconnection: close\r\n\r\n";
const LISTENER: Token = Token(usize::MAX);
const INBOX_BYTES: usize = 64 * 1024;
const EVENTS_PER_POLL: usize = 1024;
/// Answers that one write can carry; a read with more requests in it is answered by more writes.
const ANSWERS_PER_WRITE: usize = 1024;

/// The least server: constant answer, blank line found, nothing else.
#[derive(Parser)]
#[command(after_help = "Example:\n  fezz-null-server --listen 127.0.0.1:8081")]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    raise_descriptor_limit();
    Server::bind(args.listen)?.run()
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    links: Slab<Link>,
    inbox: Vec<u8>,
    constant: Constant,
}

/// What is the same for every request: the answer, often enough, and how a head ends.
struct Constant {
    answers: Vec<u8>,
    blank_line: Finder<'static>,
    length: Finder<'static>,
}

/// One connection: 16 octets, and a buffer only while half a request or half an answer is held.
struct Link {
    stream: TcpStream,
    held: Option<Box<Held>>,
}

#[derive(Default)]
struct Held {
    unparsed: Vec<u8>,
    unsent: Vec<u8>,
}

impl Server {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (links, inbox) = (Slab::new(), vec![0; INBOX_BYTES]);
        Ok(Self { poll, listener, links, inbox, constant: Constant::new() })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(key) => self.serve(key, event),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            let entry = self.links.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(entry.key()), interest)?;
            entry.insert(Link { stream, held: None });
        }
    }

    fn serve(&mut self, key: usize, event: &Event) {
        let Some(link) = self.links.get_mut(key) else { return };
        let flushed = !event.is_writable() || link.flush().is_ok();
        let open = flushed
            && (!event.is_readable()
                || link.answer(&mut self.inbox, &self.constant, event).unwrap_or(false));
        if !open {
            self.links.remove(key);
        }
    }
}

impl Link {
    /// Reads until the socket is empty and answers what is whole. `false`: to be closed.
    fn answer(&mut self, inbox: &mut [u8], constant: &Constant, event: &Event) -> io::Result<bool> {
        loop {
            let read = match self.stream.read(inbox) {
                Ok(0) => return Ok(false),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            let batch = match self.unparsed() {
                None => self.take(&inbox[..read], constant),
                Some(mut octets) => {
                    octets.extend_from_slice(&inbox[..read]);
                    self.take(&octets, constant)
                }
            };
            let mut left = batch.requests;
            while left > 0 {
                let now = left.min(ANSWERS_PER_WRITE);
                self.send(&constant.answers[..now * ANSWER.len()])?;
                left -= now;
            }
            if batch.last_closes {
                return Ok(false);
            }
            // A read that did not fill the space has emptied the socket (epoll(7)).
            if read < inbox.len() && !event.is_read_closed() {
                return Ok(true);
            }
        }
    }

    /// Takes out the half request that earlier reads left, if any.
    fn unparsed(&mut self) -> Option<Vec<u8>> {
        let held = self.held.as_mut()?;
        let octets = std::mem::take(&mut held.unparsed);
        if held.unsent.is_empty() {
            self.held = None;
        }
        Some(octets).filter(|octets| !octets.is_empty())
    }

    /// Counts the whole requests at the front of `octets` and holds what is left.
    fn take(&mut self, octets: &[u8], constant: &Constant) -> Batch {
        let batch = constant.count(octets);
        if batch.octets < octets.len() {
            let rest = octets[batch.octets..].to_vec();
            self.held.get_or_insert_default().unparsed = rest;
        }
        batch
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        if let Some(held) = self.held.as_mut().filter(|held| !held.unsent.is_empty()) {
            held.unsent.extend_from_slice(octets);
            return Ok(());
        }
        let sent = match self.stream.write(octets) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if sent < octets.len() {
            self.held.get_or_insert_default().unsent.extend_from_slice(&octets[sent..]);
        }
        Ok(())
    }

    /// Sends what an earlier write left over, if anything.
    fn flush(&mut self) -> io::Result<()> {
        let Some(held) = self.held.as_mut().filter(|held| !held.unsent.is_empty()) else {
            return Ok(());
        };
        let unsent = std::mem::take(&mut held.unsent);
        self.send(&unsent)
    }
}

/// What the front of a read consists of.
#[derive(Debug, Default, PartialEq)]
struct Batch {
    requests: usize,
    octets: usize,
    last_closes: bool,
}

impl Constant {
    fn new() -> Self {
        Self {
            answers: ANSWER.repeat(ANSWERS_PER_WRITE),
            blank_line: Finder::new(b"\r\n\r\n"),
            length: Finder::new(LENGTH),
        }
    }

    fn count(&self, octets: &[u8]) -> Batch {
        let mut batch = Batch::default();
        while batch.octets < octets.len() {
            let rest = &octets[batch.octets..];
            let Some(blank) = self.blank_line.find(rest) else { break };
            let head = &rest[..blank + 4];
            let body = if head[0] == b'P' { self.content_length(head) } else { 0 };
            if rest.len() < head.len() + body {
                break;
            }
            batch.octets += head.len() + body;
            batch.requests += 1;
            batch.last_closes = head.ends_with(CLOSE);
        }
        batch
    }

    fn content_length(&self, head: &[u8]) -> usize {
        let Some(at) = self.length.find(head) else { return 0 };
        let digits = head[at + LENGTH.len()..].iter().take_while(|octet| octet.is_ascii_digit());
        digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_and_the_rest_is_left() {
        let octets = b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /";
        assert_eq!(
            Constant::new().count(octets),
            Batch { requests: 2, octets: octets.len() - 5, last_closes: false }
        );
        let half_a_body = &octets[..octets.len() - 6];
        assert_eq!(Constant::new().count(half_a_body).requests, 1);
        assert!(Constant::new().count(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").last_closes);
    }
}
