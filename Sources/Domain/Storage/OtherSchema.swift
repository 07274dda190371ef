/// The database is of another version than this program.
public struct OtherSchema: Error, Sendable, Hashable, CustomStringConvertible {
    public let isLater: Bool

    public init(isLater: Bool) { self.isLater = isLater }

    public var description: String {
        isLater
            ? "a later version of kbs has written the database: use that one"
            : "something else has written the database, or a kbs from before version 1, which this one does not read: "
                + "nothing of it was changed; use what wrote it, or name an empty place"
    }
}
