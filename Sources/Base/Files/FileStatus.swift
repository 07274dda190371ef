import Glibc

/// A file's kind, owner, permissions, size and identity (`stat`).
public struct FileStatus: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case file, folder, link, socket, pipe, device }

    public let kind: Kind
    /// The lower twelve bits of the mode: set-user-id, set-group-id, sticky, and three for each of owner, group, others.
    public let permissions: UInt32
    public let owner: Account
    public let group: AccountGroup
    /// In bytes.
    public let size: Int
    /// The file itself, independent of its paths.
    public let identity: Identity

    public struct Identity: Hashable, Sendable {
        let device: dev_t
        let inode: ino_t
    }

    /// - Returns: nil when the path does not exist or is not accessible.
    public static func of(_ path: String, followingLinks: Bool = true) -> FileStatus? {
        var status = Glibc.stat()
        guard fstatat(AT_FDCWD, path, &status, followingLinks ? 0 : AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return FileStatus(status)
    }

    init(_ status: Glibc.stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .link
            case S_IFSOCK: .socket
            case S_IFIFO: .pipe
            default: .device
            }
        permissions = status.st_mode & 0o7777
        (owner, group) = (Account(id: status.st_uid), AccountGroup(id: status.st_gid))
        size = Int(status.st_size)
        identity = Identity(device: status.st_dev, inode: status.st_ino)
    }

    /// Access to the contents beside the owner's.
    public enum Privacy: Hashable, Sendable {
        case ownerOnly
        /// This process's own group, or that of a set-group-id folder (Kubernetes' `fsGroup`).
        case trustedGroup
        case otherGroup(AccountGroup)
        case everyone
    }

    /// - Parameter folder: the file's folder.
    public func privacy(in folder: FileStatus?) -> Privacy {
        if permissions & 0o007 != 0 { return .everyone }
        if permissions & 0o070 == 0 { return .ownerOnly }
        if group.isOfProcess { return .trustedGroup }
        if let folder, folder.permissions & 0o2000 != 0, folder.group == group { return .trustedGroup }
        return .otherGroup(group)
    }
}
