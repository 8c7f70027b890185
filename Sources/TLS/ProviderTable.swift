import COpenSSL

/// An algorithm as a provider of OpenSSL's hands it out (provider-base(7)): its names and a table of functions, each under a
/// number that says what it does and what type it has. OpenSSL keeps pointers to all of it, so nothing here is ever freed.
struct ProviderTable: @unchecked Sendable {
  /// A function whose type its number says.
  typealias Function = @convention(c) () -> Void

  private let algorithm: OSSL_ALGORITHM

  /// What a provider has under a name for an operation, OSSL_OP_…; nil where it has nothing.
  init?(_ name: String, _ operation: Int32, of provider: OpaquePointer) {
    var isNotToBeCached: Int32 = 0
    guard var next = OSSL_PROVIDER_query_operation(provider, operation, &isNotToBeCached), isNotToBeCached == 0 else {
      return nil
    }
    while let names = next.pointee.algorithm_names {
      if String(cString: names).split(separator: ":").contains(Substring(name)) {
        algorithm = next.pointee
        return
      }
      next += 1
    }
    return nil
  }

  private init(_ algorithm: OSSL_ALGORITHM) { self.algorithm = algorithm }

  private var entries: [OSSL_DISPATCH] {
    var entries: [OSSL_DISPATCH] = []
    guard var next = algorithm.implementation else { return [] }
    while next.pointee.function_id != 0 {
      entries.append(next.pointee)
      next += 1
    }
    return entries
  }

  subscript(number: Int32) -> Function? { entries.first { $0.function_id == number }?.function }

  /// The same with other functions under some numbers, and with none under others.
  func replacing(_ functions: [Int32: Function], removing numbers: Set<Int32>) -> ProviderTable {
    var algorithm = algorithm
    let others = entries.filter { functions[$0.function_id] == nil && !numbers.contains($0.function_id) }
    algorithm.implementation = Self.kept(others + functions.map(OSSL_DISPATCH.init), end: OSSL_DISPATCH())
    return ProviderTable(algorithm)
  }

  /// What a provider answers when it is asked for an operation.
  /// - Parameter property: what tells it from the same algorithm of others (property(7)).
  func handedOut(as property: StaticString) -> UnsafePointer<OSSL_ALGORITHM> {
    var algorithm = algorithm
    algorithm.property_definition = UnsafeRawPointer(property.utf8Start).assumingMemoryBound(to: CChar.self)
    return Self.kept([algorithm], end: OSSL_ALGORITHM())
  }

  static func kept<Entry>(_ entries: [Entry], end: Entry) -> UnsafePointer<Entry> {
    let kept = UnsafeMutableBufferPointer<Entry>.allocate(capacity: entries.count + 1)
    _ = kept.initialize(from: entries + [end])
    return UnsafePointer(kept.baseAddress!)
  }
}
