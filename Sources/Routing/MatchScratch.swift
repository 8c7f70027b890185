import CPCRE2

/// What matching needs besides what is compiled: one for each worker, so that no match allocates.
public struct MatchScratch: ~Copyable {
  enum Outcome: Equatable {
    case found, notFound
    /// The expression would take more steps than it may. Whoever wrote it has to make it simpler: a request must not be
    /// able to keep a worker busy.
    case exhausted
  }

  private enum Limits {
    /// Steps of one match, over all the places of the text where it may begin: about a millisecond.
    static let steps = 1_000_000
    /// The interpreter takes ten times as long for a step.
    static let interpretedSteps = 100_000
    /// From one place, however long the text is. What a plain expression needs to go back over a segment or two.
    static let leastSteps = 500
    /// Groups that a rewriting can name, and the whole.
    static let pairs: UInt32 = 10
    static let jitStack = (first: 32 << 10, most: 512 << 10)
  }

  private let data: OpaquePointer
  private let context: OpaquePointer
  private let stack: OpaquePointer?
  /// Where a parameter's value is decoded to.
  private var decoded: UnsafeMutableRawBufferPointer

  /// Of the last match that was found, the whole included.
  private var groups = 0

  public init() {
    guard let data = pcre2_match_data_create_8(Limits.pairs, nil), let context = pcre2_match_context_create_8(nil)
    else {
      fatalError("out of memory")
    }
    self.data = data
    self.context = context
    stack = pcre2_jit_stack_create_8(Limits.jitStack.first, Limits.jitStack.most, nil)
    if let stack { pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack)) }
    // Heap of the interpreter, in KiB.
    pcre2_set_heap_limit_8(context, 4 << 10)
    decoded = .allocate(byteCount: 1024, alignment: 1)
  }

  deinit {
    pcre2_match_data_free_8(data)
    pcre2_match_context_free_8(context)
    if let stack { pcre2_jit_stack_free_8(stack) }
    decoded.deallocate()
  }

  /// Looks for an expression in a text.
  mutating func find(_ expression: CompiledExpression, in text: UnsafeRawBufferPointer) -> Outcome {
    // The limit is counted anew from each place where a match may begin (pcre2api(3), pcre2_set_match_limit).
    let places = expression.isAnchored ? 1 : text.count + 1
    let steps = expression.isMachineCode ? Limits.steps : Limits.interpretedSteps
    pcre2_set_match_limit_8(context, UInt32(max(steps / places, Limits.leastSteps)))
    let subject = text.baseAddress ?? UnsafeRawPointer(data)
    let result = pcre2_match_8(
      expression.code, subject.assumingMemoryBound(to: UInt8.self), text.count, 0, 0, data, context)
    if result >= 0 {
      // 0: more groups than there are pairs. What lies behind those that took part is left of other matches.
      groups = result == 0 ? Int(Limits.pairs) : Int(result)
      return .found
    }
    return result == PCRE2_ERROR_NOMATCH ? .notFound : .exhausted
  }

  /// Where the group of the last match that was found lies; empty when it took no part. 0 is the whole.
  func group(_ number: Int) -> Range<Int> {
    let offsets = pcre2_get_ovector_pointer_8(data)
    guard number < groups, let offsets, offsets[2 * number] != .max else { return 0..<0 }
    // A lookbehind with \K can put the begin behind the end.
    return Int(offsets[2 * number])..<max(Int(offsets[2 * number]), Int(offsets[2 * number + 1]))
  }

  /// Decodes a part of a query, and hands out the bytes until the next call.
  mutating func decode(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    if decoded.count < text.count {
      decoded.deallocate()
      decoded = .allocate(byteCount: text.count, alignment: 1)
    }
    var count = 0
    var position = 0
    while let byte = QueryText.next(text, &position) {
      decoded[count] = byte
      count += 1
    }
    return UnsafeRawBufferPointer(rebasing: decoded[..<count])
  }
}

/// What a match needs to know of an expression, without counting references: whoever holds one holds the expression.
struct CompiledExpression: BitwiseCopyable {
  let code: OpaquePointer
  let isAnchored: Bool
  let isMachineCode: Bool

  init(_ expression: RegularExpression) {
    code = expression.code
    isAnchored = expression.isAnchored
    isMachineCode = expression.isMachineCode
  }
}
