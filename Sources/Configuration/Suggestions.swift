/// "Did you mean …?"
package enum Suggestions {
  /// The candidate nearest to a misspelt word, if one is near enough to have been meant: a third of its letters may
  /// differ (a letter wrong, missing, too many, or two swapped; upper and lower case are the same). The first of equals
  /// wins. Failing that, the only one that begins with the word.
  package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    // Longer words are no typing errors, and the comparison is quadratic.
    guard word.utf8.count <= 64 else { return nil }
    let lowered = Array(word.lowercased().unicodeScalars)
    var isLonger: [String] = []
    var best: (distance: Int, candidate: String)?
    for candidate in candidates where candidate != word && candidate.utf8.count <= 64 {
      let other = Array(candidate.lowercased().unicodeScalars)
      if lowered.count >= 3, other.starts(with: lowered) { isLonger.append(candidate) }
      let shorter = min(lowered.count, other.count)
      let limit = shorter < 2 ? 0 : max(1, shorter / 3)
      guard abs(lowered.count - other.count) <= limit else { continue }
      let distance = distance(lowered, other)
      if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.candidate ?? (isLonger.count == 1 ? isLonger[0] : nil)
  }

  /// Damerau and Levenshtein's distance in its restricted form (optimal string alignment): how many insertions,
  /// deletions, replacements and swaps of neighbours lead from one text to the other.
  package static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for i in 1...left.count {
      var row = [i] + [Int](repeating: 0, count: right.count)
      for j in 1...right.count {
        let replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
        row[j] = min(last[j] + 1, row[j - 1] + 1, replaced)
        if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
          row[j] = min(row[j], beforeLast[j - 2] + 1)
        }
      }
      (beforeLast, last) = (last, row)
    }
    return last[right.count]
  }
}
