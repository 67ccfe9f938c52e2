//! The contract of [`OwnedRepo`], which every resource fulfills. A store that also contains the users must contain `alice`
//! and `bob`, but not `nobody`.

use std::ops::Deref;
use std::time::Duration;

use futures_util::future::join_all;

use crate::owned::{CursorOf, Id, ListQuery as _, OwnedResource, PageSize};
use crate::ports::OwnedRepo;
use crate::testing::fixtures::{moment, owner, user_id};
use crate::time::Timestamp;

/// A resource with example values, for the contract of its store.
pub trait Sample: OwnedResource {
    /// Returns the fields of a new resource, none of which has its default.
    fn sample() -> Self::New;

    /// Returns a patch that changes every field of a resource that was created from [`sample`](Self::sample).
    fn sample_patch() -> Self::Patch;
}

/// The tests of an [`OwnedRepo`] of the resource `$resource`, which is a [`Sample`]; see
/// [`contract`](crate::testing::contract).
///
/// `$reopen` is an asynchronous closure, which is called several times. Its argument is what `$open` returned. It closes the store, opens it again, as a
/// restart of the server does, and returns the new adapter.
#[macro_export]
macro_rules! owned_repo_contract {
    ($resource:ty, $open:expr, $reopen:expr $(,)?) => {
        #[tokio::test]
        async fn changes_survive_a_restart() {
            $crate::testing::contract::owned::changes_survive_a_restart::<$resource, _>($open, $reopen).await;
        }

        $crate::owned_repo_contract!(
            @tests $resource,
            $open,
            [
                a_created_resource_is_stored_as_given,
                a_new_owner_has_no_resources,
                a_list_is_newest_first,
                the_pages_of_a_list_add_up,
                a_page_has_at_most_as_many_resources_as_the_query_says,
                a_cursor_outlives_its_resource,
                reading_changes_nothing,
                an_update_changes_the_given_fields,
                every_update_advances_the_time_of_the_last_change,
                a_deleted_resource_is_gone,
                of_concurrent_deletions_one_succeeds,
                ids_are_never_reused,
                an_id_that_was_never_assigned_finds_nothing,
                reading_a_resource_of_another_owner_finds_nothing,
                writing_a_resource_of_another_owner_changes_nothing,
            ]
        );
    };
    (@tests $resource:ty, $open:expr, [$($name:ident),* $(,)?]) => {
        $(
            #[tokio::test]
            async fn $name() {
                let subject = $open.await;
                $crate::testing::contract::owned::$name::<$resource>(&*subject).await;
            }
        )*
    };
}

fn later(milliseconds: u64) -> Timestamp {
    moment().after(Duration::from_millis(milliseconds))
}

async fn create<R: Sample>(repo: &impl OwnedRepo<R>, owner_name: &str, now: Timestamp) -> R {
    repo.create(&owner(owner_name).await, R::sample(), now).await.unwrap()
}

async fn stored<R: Sample>(repo: &impl OwnedRepo<R>, resource: &R) -> Option<R> {
    repo.find(&owner("alice").await, resource.id()).await.unwrap()
}

/// Returns the list of the owner, read in pages of this size.
async fn list<R: Sample>(repo: &impl OwnedRepo<R>, owner_name: &str, size: u16) -> Vec<R> {
    let (mut items, mut start): (Vec<R>, Option<CursorOf<R>>) = (Vec::new(), None);
    loop {
        let query = R::Query::page(start, PageSize::new(size).unwrap());
        let page = repo.list(&owner(owner_name).await, &query).await.unwrap();
        assert!(page.items.len() <= usize::from(size));
        assert!(page.items.len() == usize::from(size) || page.next.is_none());
        items.extend(page.items);
        assert!(items.len() < 100, "the cursor leads to the same page again");
        let Some(next) = page.next else { return items };
        start = Some(next);
    }
}

async fn all<R: Sample>(repo: &impl OwnedRepo<R>, owner_name: &str) -> Vec<R> {
    list(repo, owner_name, PageSize::MAX).await
}

/// All fields are returned as given, by `create`, `find` and `list`.
pub async fn a_created_resource_is_stored_as_given<R: Sample>(repo: &impl OwnedRepo<R>) {
    let created = create(repo, "alice", moment()).await;
    assert_eq!(created, R::create(created.id(), user_id("alice"), R::sample(), moment()));
    assert_eq!(stored(repo, &created).await.as_ref(), Some(&created));
    assert_eq!(all(repo, "alice").await, [created]);
}

/// Listing the resources of an owner who has none returns an empty list, not an error.
pub async fn a_new_owner_has_no_resources<R: Sample>(repo: &impl OwnedRepo<R>) {
    create(repo, "alice", moment()).await;
    assert_eq!(all(repo, "bob").await, []);
}

/// Resources that were created in the same millisecond are in the descending order of their ids.
pub async fn a_list_is_newest_first<R: Sample>(repo: &impl OwnedRepo<R>) {
    let mut created = Vec::new();
    for at in [later(1), later(0), later(2), later(2)] {
        created.push(create(repo, "alice", at).await);
    }
    let [second, oldest, tie, last_tie] = created.try_into().unwrap_or_else(|_| panic!("four were created"));
    assert_eq!(all(repo, "alice").await, [last_tie, tie, second, oldest]);
}

/// Pages of every size together contain each resource exactly once, also if several were created at the same time.
pub async fn the_pages_of_a_list_add_up<R: Sample>(repo: &impl OwnedRepo<R>) {
    for index in 0..7 {
        create(repo, "alice", later(index / 3)).await;
        create(repo, "bob", later(1)).await;
    }
    let whole = all(repo, "alice").await;
    assert_eq!(whole.len(), 7);
    for size in [1, 2, 3, 6, 7] {
        assert_eq!(list(repo, "alice", size).await, whole, "by {size}");
    }
}

/// The page has no more resources than the query says, and a cursor if the list has more.
pub async fn a_page_has_at_most_as_many_resources_as_the_query_says<R: Sample>(repo: &impl OwnedRepo<R>) {
    for index in 0..3 {
        create(repo, "alice", later(index)).await;
    }
    for (size, expected, has_next) in [(2, 2, true), (3, 3, false), (4, 3, false)] {
        let query = R::Query::page(None, PageSize::new(size).unwrap());
        let page = repo.list(&owner("alice").await, &query).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (expected, has_next));
    }
}

/// A page that starts at a cursor does not change if the resource of the cursor is deleted and others are created. If
/// another owner uses the cursor, the page is empty.
pub async fn a_cursor_outlives_its_resource<R: Sample>(repo: &impl OwnedRepo<R>) {
    let oldest = create(repo, "alice", later(0)).await;
    let newest = create(repo, "alice", later(1)).await;
    let alice = owner("alice").await;
    let first = repo.list(&alice, &R::Query::page(None, PageSize::new(1).unwrap())).await.unwrap();
    assert_eq!(first.items, std::slice::from_ref(&newest));
    create(repo, "alice", later(2)).await;
    assert!(repo.delete(&alice, newest.id()).await.unwrap());
    let rest = R::Query::page(first.next, PageSize::default());
    assert_eq!(repo.list(&alice, &rest).await.unwrap().items, [oldest]);
    assert_eq!(repo.list(&owner("bob").await, &rest).await.unwrap().items, []);
}

/// Reading the resources a second time returns the same as the first time.
pub async fn reading_changes_nothing<R: Sample>(repo: &impl OwnedRepo<R>) {
    let created = create(repo, "alice", moment()).await;
    for _ in 0..2 {
        assert_eq!(stored(repo, &created).await.as_ref(), Some(&created));
        assert_eq!(all(repo, "alice").await, std::slice::from_ref(&created));
    }
}

/// Another resource of the owner does not change.
pub async fn an_update_changes_the_given_fields<R: Sample>(repo: &impl OwnedRepo<R>) {
    let other = create(repo, "alice", moment()).await;
    let created = create(repo, "alice", moment()).await;
    let expected = created.clone().patched(R::sample_patch(), later(1));
    assert_ne!(expected.clone().patched(R::Patch::default(), moment()), created, "the sample changes nothing");
    let updated = repo.update(&owner("alice").await, created.id(), R::sample_patch(), later(1)).await.unwrap();
    assert_eq!(updated.as_ref(), Some(&expected));
    assert_eq!(stored(repo, &created).await, updated);
    assert_eq!(stored(repo, &other).await, Some(other));
}

/// The time of the last change becomes later even if the clock stands still or goes back.
pub async fn every_update_advances_the_time_of_the_last_change<R: Sample>(repo: &impl OwnedRepo<R>) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", later(10)).await;
    for (now, expected) in [(later(10), later(11)), (later(0), later(12)), (later(1000), later(1000))] {
        let updated = repo.update(&alice, created.id(), R::sample_patch(), now).await.unwrap();
        assert_eq!(updated, Some(created.clone().patched(R::sample_patch(), expected)));
    }
}

/// A deleted resource cannot be found, changed or deleted again. Another resource of the owner remains.
pub async fn a_deleted_resource_is_gone<R: Sample>(repo: &impl OwnedRepo<R>) {
    let alice = owner("alice").await;
    let other = create(repo, "alice", moment()).await;
    let created = create(repo, "alice", moment()).await;
    assert!(repo.delete(&alice, created.id()).await.unwrap());
    assert_no_resource(repo, created.id()).await;
    assert_eq!(all(repo, "alice").await, [other]);
}

/// Asserts that no method finds a resource of alice with this id.
async fn assert_no_resource<R: Sample>(repo: &impl OwnedRepo<R>, id: Id<R>) {
    let alice = owner("alice").await;
    assert_eq!(repo.find(&alice, id).await.unwrap(), None);
    for patch in [R::Patch::default(), R::sample_patch()] {
        assert_eq!(repo.update(&alice, id, patch, moment()).await.unwrap(), None);
    }
    assert!(!repo.delete(&alice, id).await.unwrap());
}

/// Of ten concurrent calls that delete the same resource, exactly one returns `true`.
pub async fn of_concurrent_deletions_one_succeeds<R: Sample>(repo: &impl OwnedRepo<R>) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", moment()).await;
    let deletions = join_all((0..10).map(|_| repo.delete(&alice, created.id()))).await;
    assert_eq!(deletions.into_iter().filter(|deleted| *deleted.as_ref().unwrap()).count(), 1);
}

/// A new resource never gets the id of a deleted one, so that an old link never leads to a different resource.
pub async fn ids_are_never_reused<R: Sample>(repo: &impl OwnedRepo<R>) {
    let first = create(repo, "alice", moment()).await;
    assert!(repo.delete(&owner("alice").await, first.id()).await.unwrap());
    let second = create(repo, "alice", moment()).await;
    let third = create(repo, "bob", moment()).await;
    assert!(first.id() < second.id() && second.id() < third.id());
}

/// An id that no resource has finds nothing and causes no error, even if it is the smallest or the largest integer.
pub async fn an_id_that_was_never_assigned_finds_nothing<R: Sample>(repo: &impl OwnedRepo<R>) {
    for number in [0, -1, i64::MAX, i64::MIN, 1 << 31] {
        assert_no_resource(repo, Id::new(number)).await;
    }
}

/// The other owners include some whose ids differ from `alice` only in case or by a space, and some whose ids are SQL
/// wildcards.
pub async fn reading_a_resource_of_another_owner_finds_nothing<R: Sample>(repo: &impl OwnedRepo<R>) {
    let created = create(repo, "alice", moment()).await;
    for other in ["bob", "nobody", "Alice", "alice ", "%", "_____"] {
        assert_eq!(repo.find(&owner(other).await, created.id()).await.unwrap(), None);
        assert_eq!(all(repo, other).await, []);
    }
}

/// Changing or deleting a resource of another owner has the same result as if the resource did not exist.
pub async fn writing_a_resource_of_another_owner_changes_nothing<R: Sample>(repo: &impl OwnedRepo<R>) {
    let created = create(repo, "alice", moment()).await;
    for other in ["bob", "nobody"] {
        let other = owner(other).await;
        assert_eq!(repo.update(&other, created.id(), R::sample_patch(), later(1)).await.unwrap(), None);
        assert!(!repo.delete(&other, created.id()).await.unwrap());
    }
    assert_eq!(stored(repo, &created).await, Some(created));
}

/// The store contains the same resources after it has been closed and opened again, whichever change was the last one
/// before. It does not assign the id of a deleted resource again.
pub async fn changes_survive_a_restart<R: Sample, S>(open: impl Future<Output = S>, reopen: impl AsyncFn(S) -> S)
where
    S: Deref<Target: OwnedRepo<R> + Sized>,
{
    let alice = owner("alice").await;
    let subject = open.await;
    let of_bob = create(&*subject, "bob", moment()).await;
    let unchanged = create(&*subject, "alice", later(1)).await;
    let updated = create(&*subject, "alice", later(2)).await;
    let deleted = create(&*subject, "alice", later(3)).await;

    let subject = reopen(subject).await;
    assert_eq!(all(&*subject, "alice").await, [deleted.clone(), updated.clone(), unchanged.clone()], "after creations");
    let updated = subject.update(&alice, updated.id(), R::sample_patch(), later(4)).await.unwrap().unwrap();

    let subject = reopen(subject).await;
    assert_eq!(stored(&*subject, &updated).await.as_ref(), Some(&updated), "after an update");
    assert!(subject.delete(&alice, deleted.id()).await.unwrap());

    let subject = reopen(subject).await;
    assert_no_resource(&*subject, deleted.id()).await;
    assert_eq!(all(&*subject, "alice").await, [updated, unchanged], "after a deletion");
    assert_eq!(all(&*subject, "bob").await, [of_bob]);
    assert!(create(&*subject, "alice", moment()).await.id() > deleted.id());
}
