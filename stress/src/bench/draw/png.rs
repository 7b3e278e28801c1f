//! Packs pixels as PNG: one header, one stream of zlib, one end (PNG, third edition).

use miniz_oxide::deflate::compress_to_vec_zlib;

use super::Scene;
use super::paint::{Map, paint};

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
/// Eight bits for each of three colours; the only methods there are; not interlaced (§11.2.1).
const FORMAT: [u8; 5] = [8, 2, 0, 0, 0];
/// Each row says what is left of it when the octet three before is taken away (§9.2).
const FILTER_SUB: u8 = 1;
const PIXEL_BYTES: usize = 3;
const LEVEL: u8 = 9;

pub(super) fn render(scene: &Scene) -> Vec<u8> {
    pack(&paint(scene))
}

fn pack(map: &Map) -> Vec<u8> {
    let length = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX).to_be_bytes();
    let header = [&length(map.width)[..], &length(map.height), &FORMAT].concat();
    let mut rows = Vec::with_capacity(map.octets.len() + map.height);
    for row in map.octets.chunks_exact(map.width * PIXEL_BYTES) {
        rows.push(FILTER_SUB);
        let before = std::iter::repeat_n(&0, PIXEL_BYTES).chain(row);
        rows.extend(row.iter().zip(before).map(|(octet, before)| octet.wrapping_sub(*before)));
    }
    let mut png = SIGNATURE.to_vec();
    push_chunk(&mut png, *b"IHDR", &header);
    push_chunk(&mut png, *b"IDAT", &compress_to_vec_zlib(&rows, LEVEL));
    push_chunk(&mut png, *b"IEND", &[]);
    png
}

/// Length, name, octets, and the checksum of the latter two (§5.3).
fn push_chunk(png: &mut Vec<u8>, name: [u8; 4], octets: &[u8]) {
    png.extend(u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes());
    let from = png.len();
    png.extend(name);
    png.extend(octets);
    let sum = checksum(&png[from..]);
    png.extend(sum.to_be_bytes());
}

/// CRC-32 (§5.5).
fn checksum(octets: &[u8]) -> u32 {
    let sum = octets.iter().fold(u32::MAX, |sum, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| {
            let odd = sum & 1 == 1;
            (sum >> 1) ^ if odd { 0xedb8_8320 } else { 0 }
        })
    });
    !sum
}

#[cfg(test)]
mod tests {
    use miniz_oxide::inflate::decompress_to_vec_zlib;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        // The end of every PNG.
        let mut end = Vec::new();
        push_chunk(&mut end, *b"IEND", &[]);
        assert_eq!(end, [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]);
    }

    #[test]
    fn pixels_can_be_read_again() {
        let map =
            Map { width: 2, height: 2, octets: vec![1, 2, 3, 9, 8, 7, 0, 0, 0, 255, 255, 255] };
        let png = pack(&map);
        // Signature, chunk of the header, then the length of the stream.
        let at = 8 + 12 + 13;
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        let rows = decompress_to_vec_zlib(&png[at + 8..at + 8 + length]).unwrap();
        assert_eq!(rows, [1, 1, 2, 3, 8, 6, 4, 1, 0, 0, 0, 255, 255, 255]);
    }
}
