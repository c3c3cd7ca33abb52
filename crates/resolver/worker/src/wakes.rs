//! Which of many sockets are ready, without asking each: the loop's own waker says only that one is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// Those that are ready.
pub(crate) struct Wakes<K>(Arc<Ready<K>>);

/// What sockets and loop share.
struct Ready<K> {
    keys: Mutex<Vec<K>>,
    waker: Mutex<Option<Waker>>,
}

/// Wakes the loop for one socket.
struct Tag<K> {
    key: K,
    ready: Arc<Ready<K>>,
}

impl<K: Copy + Send + Sync + 'static> Wakes<K> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Ready { keys: Mutex::default(), waker: Mutex::default() }))
    }

    /// A waker for the socket that is called `key`. It is to be polled once with it, so it is ready from the start.
    pub(crate) fn waker(&self, key: K) -> Waker {
        let tag = Arc::new(Tag { key, ready: Arc::clone(&self.0) });
        tag.wake_by_ref();
        Waker::from(tag)
    }

    /// Says that there is more to do for this one.
    pub(crate) fn again(&self, key: K) {
        whole(&self.0.keys).push(key);
    }

    /// Those that have become ready since, some perhaps more than once, and some that are gone. The loop of `context` is woken for
    /// the next.
    pub(crate) fn take(&self, context: &Context<'_>) -> Vec<K> {
        let mut waker = whole(&self.0.waker);
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        drop(waker);
        std::mem::take(&mut *whole(&self.0.keys))
    }
}

impl<K: Copy + Send + Sync + 'static> Wake for Tag<K> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        whole(&self.ready.keys).push(self.key);
        let waker = whole(&self.ready.waker).clone();
        waker.inspect(Waker::wake_by_ref);
    }
}

/// Poisoned only by a panic, which ends the process.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_loop_is_woken_and_told_for_whom() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let loops = Waker::from(Arc::clone(&count));
        let context = Context::from_waker(&loops);
        let wakes = Wakes::new();
        let (one, other) = (wakes.waker(1), wakes.waker(2));
        assert_eq!(wakes.take(&context), [1, 2], "to be polled for the first time");
        assert_eq!(wakes.take(&context), [0; 0]);
        other.wake_by_ref();
        one.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert_eq!(wakes.take(&context), [2, 1]);
        wakes.again(7);
        assert_eq!(wakes.take(&context), [7]);
    }
}
