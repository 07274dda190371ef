/// The database's schema is not of this program's version.
public struct OtherSchema: Error, Sendable, Hashable, CustomStringConvertible {
    public let isLater: Bool

    public init(isLater: Bool) { self.isLater = isLater }

    public var description: String {
        isLater
            ? "a later version of kbs has written the database: use that one"
            : "the database is another program's, or of a kbs from before version 1, which this one does not read: nothing "
                + "in it was changed; use the program that wrote it, or name an empty database"
    }
}
