import Formats

/// HTTP's form of a point in time: `Sun, 06 Nov 1994 08:49:37 GMT`. Source: RFC 9110, section 5.6.7.
public enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// - Parameter seconds: since 1970 in UTC; clamped to the years 1970 to 9999.
    public static func text(_ seconds: Int64) -> String {
        let time = CivilTime(secondsSince1970: Int(max(seconds, 0)))
        let day = days[(time.secondsSince1970 / 86_400 + 4) % 7]
        return "\(day), \(two(time.day)) \(months[time.month - 1]) \(time.year) "
            + "\(two(time.hour)):\(two(time.minute)):\(two(time.second)) GMT"
    }

    /// - Returns: seconds since 1970 in UTC; nil for anything that ``text(_:)`` does not write.
    public static func seconds(_ text: String) -> Int64? {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard text.utf8.count == 29, parts.count == 6, parts[5] == "GMT",
            let month = months.firstIndex(where: { $0 == parts[2] }), let day = number(parts[1], 2),
            let year = number(parts[3], 4)
        else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false).map { number($0, 2) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            let time = CivilTime(year, month + 1, day, hour, minute, second)
        else { return nil }
        let seconds = Int64(time.secondsSince1970)
        // Refuses a wrong day of the week, and years before 1970.
        guard HTTPDate.text(seconds) == text else { return nil }
        return seconds
    }

    private static func number(_ text: Substring, _ digits: Int) -> Int? {
        guard text.utf8.count == digits, text.utf8.allSatisfy(\.isDigit) else { return nil }
        return text.utf8.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
