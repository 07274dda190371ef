public import FoundationEssentials

/// Times in RFC 3339: `2026-11-30T08:00:00Z`.
///
/// Source: RFC 3339, section 5.6, read strictly: an existing day, `T` and `Z` in capitals, an offset of at most 23:59, no
/// leap second.
public enum RFC3339 {
    /// - Returns: nil for any other text.
    public static func date(_ text: some StringProtocol) -> Date? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 64, let time = time(bytes[...]) else { return nil }
        guard let rest = bytes[time.end...].first else { return nil }
        let offset: Int
        switch rest {
        case UInt8(ascii: "Z"):
            guard time.end + 1 == bytes.count else { return nil }
            offset = 0
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            let digits = bytes[(time.end + 1)...]
            guard digits.count == 5, digits[digits.startIndex + 2] == UInt8(ascii: ":"),
                let hours = number(digits.prefix(2)), let minutes = number(digits.suffix(2)), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (rest == UInt8(ascii: "-") ? -60 : 60)
        default: return nil
        }
        let seconds = time.seconds - offset
        guard expressible.contains(seconds) else { return nil }
        return Date(timeIntervalSince1970: Double(seconds) + time.fraction)
    }

    /// The years 0 to 9999 in UTC, in seconds since 1970. A time that its offset moves out of them could not be written
    /// again.
    private static let expressible = -62_167_219_200..<253_402_300_800

    /// In UTC, rounded down to the second and clamped to the years 0 to 9999.
    public static func text(_ date: Date) -> String {
        var text = digits(CivilTime(date))
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    /// In UTC with three fractional digits.
    ///
    /// - Parameter milliseconds: since 1970.
    public static func text(milliseconds: Int64) -> String {
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
        var text = digits(CivilTime(secondsSince1970: Int(rest < 0 ? seconds - 1 : seconds)))
        text.append(UInt8(ascii: "."))
        CivilTime.append(Int(rest < 0 ? rest + 1_000 : rest), 3, to: &text)
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    /// Date and time of day, with capacity for a fraction and `Z`.
    private static func digits(_ time: CivilTime) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(24)
        CivilTime.append(time.year, 4, to: &text)
        for (mark, number) in [
            ("-", time.month), ("-", time.day), ("T", time.hour), (":", time.minute), (":", time.second),
        ] as [(Unicode.Scalar, Int)] {
            text.append(UInt8(ascii: mark))
            CivilTime.append(number, 2, to: &text)
        }
        return text
    }

    /// A date and a time of day, as seconds since 1970 if it were UTC.
    private static func time(_ bytes: ArraySlice<UInt8>) -> (seconds: Int, fraction: Double, end: Int)? {
        func part(_ offset: Int, _ count: Int) -> Int? { number(bytes[offset..<(offset + count)]) }
        for (offset, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")] {
            guard bytes[offset] == Character(mark).asciiValue else { return nil }
        }
        guard let year = part(0, 4), let month = part(5, 2), let day = part(8, 2), let hour = part(11, 2),
            let minute = part(14, 2), let second = part(17, 2),
            let time = CivilTime(year, month, day, hour, minute, second)
        else { return nil }
        guard bytes[19] == UInt8(ascii: ".") else { return (time.secondsSince1970, 0, 19) }
        let fraction = bytes[20...].prefix(while: \.isDigit)
        guard !fraction.isEmpty, let value = Double("0." + String(decoding: fraction, as: UTF8.self)) else {
            return nil
        }
        return (time.secondsSince1970, value, fraction.endIndex)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy(\.isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
}
