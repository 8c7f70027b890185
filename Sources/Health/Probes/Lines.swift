extension [UInt8] {
  /// The lines that have their line feed, without it and a carriage return before it.
  var wholeLines: [ArraySlice<UInt8>] {
    split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().map { line in
      line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }
  }
}
