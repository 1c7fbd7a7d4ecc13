//! Things put together by what they share, in the time that looking at each once takes.
//!
//! Owns the order of groups and members, which is that of the things. Refuses to know
//! what they are.

use std::collections::HashMap;
use std::hash::Hash;

/// Groups in the order in which their first member came, members in theirs.
pub(super) fn grouped<K: Eq + Hash + Clone, T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    let mut places: HashMap<K, usize> = HashMap::new();
    for item in items {
        let key = key(&item);
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, members)) => members.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_the_order_of_their_first_members() {
        let groups = grouped(["b1", "a1", "b2", "c1", "a2"], |item| item.chars().next());
        let members: Vec<Vec<&str>> = groups.into_iter().map(|(_, members)| members).collect();
        assert_eq!(members, [vec!["b1", "b2"], vec!["a1", "a2"], vec!["c1"]]);
    }
}
