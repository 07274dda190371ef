import Bytes
import HTTP
public import HTTPEdge

extension Request {
    /// The cookie's name, fixed by guests' libraries.
    static let guestCookie = "kbs-session-id"

    /// Every value of the guests' cookie: a client may send several, on one header line or on more.
    public var guestSessions: [Substring] { cookies(named: Self.guestCookie) }

    /// Whether a client of this dialect sent the request: no other has the cookie.
    public var hasGuestCookie: Bool { !guestSessions.isEmpty }

    /// The token in `Authorization: Bearer`.
    var bearerToken: String? {
        guard let header = headers[.authorization], CombiningMarks.isASCII(header) else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        return String(String(parts[1].drop(while: isSpace).reversed()).drop(while: isSpace).reversed())
    }
}
