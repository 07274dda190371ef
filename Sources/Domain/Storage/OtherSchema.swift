/// The database is of another version than this program.
public struct OtherSchema: Error, Sendable, Hashable, CustomStringConvertible {
    public let isLater: Bool

    public var description: String {
        isLater
            ? "a later version of kbs has written the database: use that one"
            : "an earlier version of kbs has written the database: start the server of this version once "
                + "(with storage.migrate = false: kbs migrate), or use the earlier version"
    }
}
