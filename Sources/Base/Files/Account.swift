import Glibc

/// A user of this machine.
public struct Account: Hashable, Sendable, CustomStringConvertible {
    public let id: UInt32

    public init(id: UInt32) { self.id = id }

    /// The effective user of this process.
    public static var ofProcess: Account { Account(id: geteuid()) }

    /// nil for a user id without a name, as in many containers.
    public var name: String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var room = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(id, &entry, &room, room.count, &found) == 0, found != nil, let name = entry.pw_name else {
            return nil
        }
        return String(cString: name)
    }

    public var description: String { name ?? "user \(id)" }

    /// The form for `sudo -u` and `chown`.
    var shellName: String { name ?? "#\(id)" }
}

/// A group of this machine.
public struct AccountGroup: Hashable, Sendable, CustomStringConvertible {
    public let id: UInt32

    public init(id: UInt32) { self.id = id }

    /// Whether this process is a member.
    public var isOfProcess: Bool {
        if id == getegid() { return true }
        let count = getgroups(0, nil)
        guard count > 0 else { return false }
        var groups = [gid_t](repeating: 0, count: Int(count))
        let filled = getgroups(count, &groups)
        return filled > 0 && groups.prefix(Int(filled)).contains(id)
    }

    /// - Parameter text: a name or a group id.
    /// - Returns: nil for an unknown name.
    public init?(named text: String) {
        if let id = UInt32(text) {
            self.init(id: id)
            return
        }
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<group>?
        var room = [CChar](repeating: 0, count: 65_536)
        guard getgrnam_r(text, &entry, &room, room.count, &found) == 0, found != nil else { return nil }
        self.init(id: entry.gr_gid)
    }

    public var name: String? {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        var room = [CChar](repeating: 0, count: 65_536)
        guard getgrgid_r(id, &entry, &room, room.count, &found) == 0, found != nil, let name = entry.gr_name else {
            return nil
        }
        return String(cString: name)
    }

    public var description: String { "group \(name ?? "\(id)")" }
}
