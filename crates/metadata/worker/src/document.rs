//! User data that the broker has.

use orlop_metadata_contract::{MAX_RESPONSE, Notice, Request};
use orlop_metadata_core::Facts;
use orlop_metadata_core::tree::Tree;

use crate::ended::Ended;
use crate::tell::{Channel, tell};

/// Takes the pieces of a document, and tells what it becomes.
pub(crate) async fn read(channel: &Channel, length: u32, is_base64: bool) -> Result<(), Ended> {
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_RESPONSE).ok_or(Ended::Nonsense)?;
    let mut user_data = Vec::with_capacity(length);
    while user_data.len() < length {
        let Notice::Piece(piece) = channel.recv().await?.message else { return Err(Ended::Nonsense) };
        if piece.is_empty() || piece.len() > length.saturating_sub(user_data.len()) {
            return Err(Ended::Nonsense);
        }
        user_data.extend_from_slice(&piece);
    }
    let mut facts = Facts::default();
    if is_base64 {
        facts.encoded_user_data(&user_data);
    } else {
        facts.user_data = Some(user_data);
    }
    let left_out = tell(channel, Tree::of(facts)).await?;
    Ok(channel.send(&Request::Done(left_out)).await?)
}
