// Fails with E0599. A message that can grow without bound is no message.
use orlop_sandbox::channel::WorkerChannel;

pub async fn send(channel: &WorkerChannel<String, u32>) {
    let _sent = channel.send(&String::new()).await;
}
