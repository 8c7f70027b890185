import CPCRE2

/// A regular expression as PCRE2 has them (pcre2pattern(3)), compiled once, to machine code where the processor is known.
///
/// It is found anywhere in a text unless it says `^` or `$`, and looks at bytes: paths are percent-encoded anyway.
/// Immutable, and shared by all workers; what a match needs besides is in each worker's `MatchScratch`.
public final class RegularExpression: @unchecked Sendable {
  /// Why a text is no regular expression, in words that finish the sentence "`TEXT` …".
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Groups in parentheses.
  public let groups: Int
  let code: OpaquePointer
  /// It can only match at the begin of a text.
  let isAnchored: Bool
  let isMachineCode: Bool

  /// `$` is the end and not also the place before a last line feed; no pattern can ask for UTF-8, whose faults would
  /// make a match fail, nor split a character.
  private static let options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C

  public init(_ text: String) throws(Malformed) {
    var text = text
    var number: Int32 = 0
    var offset = 0
    let code = text.withUTF8 { text in
      pcre2_compile_8(text.baseAddress, text.count, Self.options, &number, &offset, nil)
    }
    guard let code else {
      throw Malformed(description: "is no regular expression: \(Self.message(number)) (at byte \(offset))")
    }
    // Without machine code (an unknown processor, or memory that may not be executed) it is interpreted.
    isMachineCode = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE) == 0
    var groups: UInt32 = 0
    var options: UInt32 = 0
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_ALLOPTIONS), &options)
    self.groups = Int(groups)
    isAnchored = options & PCRE2_ANCHORED != 0
    self.code = code
  }

  deinit { pcre2_code_free_8(code) }

  private static func message(_ number: Int32) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
      let count = pcre2_get_error_message_8(number, buffer.baseAddress, buffer.count)
      return count > 0 ? String(decoding: buffer[..<Int(count)], as: UTF8.self) : "error \(number)"
    }
  }
}
