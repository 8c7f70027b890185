/// The field lines of a head or of trailers, up to and with the empty line (RFC 9112, 5 and 7.1.2).
enum FieldSection {
  enum Answer {
    /// Where the empty line ends.
    case end(Int)
    case needMore
    case fault(MessageFault)
  }

  /// - Parameter isFilling: whether the fields go into the table; else they are only judged.
  @inline(__always)
  static func read(
    _ bytes: UnsafeRawBufferPointer, limits: HeadLimits, progress: inout HeadProgress, into fields: inout FieldTable,
    isFilling: Bool
  ) -> Answer {
    while true {
      switch HeadLine.next(bytes, limits: limits, progress: &progress) {
      case .needMore: return .needMore
      case .fault(let fault): return .fault(fault)
      case .line(let start, let end, let next):
        if start == end { return .end(next) }
        guard Int(progress.fields) < limits.fields else { return .fault(.tooManyFields) }
        progress.fields &+= 1
        switch FieldLine.parse(bytes, from: start, to: end) {
        case .field(let field): if isFilling { fields.append(field) }
        case .fault(let fault): return .fault(fault)
        }
      }
    }
  }
}
