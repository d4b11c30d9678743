//! BLAKE3 of long inputs, piece by piece: pieces are subtrees of its tree, so that they may be hashed in any order.

use super::Digest;
use blake3::Hasher;
use blake3::hazmat::ChainingValue;
use blake3::hazmat::HasherExt;
use blake3::hazmat::Mode;
use blake3::hazmat::left_subtree_len;
use blake3::hazmat::merge_subtrees_non_root;
use blake3::hazmat::merge_subtrees_root;

/// Bytes of a piece: a power of two, and of chunks of 1,024.  The last piece of an input is what is left.
pub const PIECE: u64 = 1 << 20;

/// What is known of a piece.
#[derive(Clone, Copy)]
pub enum Leaf {
    /// The input is no longer than the piece.
    Whole(Digest),
    Piece(ChainingValue),
}

/// Hashes a piece of an input of `len` bytes; `offset` is a multiple of [`PIECE`].
pub fn leaf(offset: u64, len: u64, bytes: &[u8]) -> Leaf {
    if len <= PIECE {
        return Leaf::Whole(blake3::hash(bytes));
    }
    Leaf::Piece(Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root())
}

/// The digest of an input of `len` bytes, from all its pieces in order.
pub fn join(leaves: &[Leaf], len: u64) -> Digest {
    match leaves {
        [Leaf::Whole(digest)] => *digest,
        [] => blake3::hash(b""),
        leaves => {
            let (left, right) = halves(leaves, len);
            merge_subtrees_root(&left, &right, Mode::Hash)
        }
    }
}

fn halves(leaves: &[Leaf], len: u64) -> (ChainingValue, ChainingValue) {
    let left = left_subtree_len(len);
    let (first, second) = leaves.split_at((left / PIECE) as usize);
    (subtree(first, left), subtree(second, len - left))
}

fn subtree(leaves: &[Leaf], len: u64) -> ChainingValue {
    match leaves {
        [Leaf::Piece(value)] => *value,
        leaves => {
            let (left, right) = halves(leaves, len);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What pieces give is what the library gives for the whole.
    #[track_caller]
    fn check(len: u64) {
        let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + (at >> 8) * 13 + (at >> 16)) as u8).collect();
        let pieces = bytes.chunks(PIECE as usize).enumerate();
        let leaves: Vec<Leaf> = pieces.map(|(at, piece)| leaf(at as u64 * PIECE, len, piece)).collect();
        assert_eq!(join(&leaves, len), blake3::hash(&bytes), "{len} bytes");
    }

    #[test]
    fn pieces_join_to_the_digest_of_the_whole() {
        for len in [0, 1, 1023, 1024, 1025, PIECE - 1, PIECE, PIECE + 1, PIECE + 1024] {
            check(len);
        }
        for pieces in 2..10 {
            check(pieces * PIECE - 1);
            check(pieces * PIECE);
            check(pieces * PIECE + 1);
        }
    }
}
