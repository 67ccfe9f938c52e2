//! Suggestions for names that are not known.

/// Returns the known name that is most similar to `name`, or `None` if no known name is similar.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILAR: f64 = 0.9;
    let by_similarity = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let similar = by_similarity.filter(|(similarity, _)| *similarity > SIMILAR);
    similar.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known)
}
