//! Prints the rows of `fuzz/differences.md`.

use fezz_peers::rules::ROWS;

fn main() {
    for row in ROWS {
        for peer in row.peers {
            println!("| {} | {} | `{}` | {} |", peer.name(), row.kind.words(), row.said, row.why);
        }
    }
}
