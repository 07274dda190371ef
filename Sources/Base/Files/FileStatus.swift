import Glibc

/// What the system knows of a file: what it is, whose, who may do what with it.
public struct FileStatus: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case file, folder, link, socket, pipe, device }

    public let kind: Kind
    /// The lower twelve bits of the mode: set-user-id, set-group-id, sticky, and three for each of owner, group, others.
    public let permissions: UInt32
    public let owner: Account
    public let group: AccountGroup
    /// In bytes.
    public let size: Int
    /// Seconds since 1970, when its contents changed last.
    public let modified: Int
    /// Which file it is, whatever its name.
    public let identity: Identity

    public struct Identity: Hashable, Sendable {
        let device: dev_t
        let inode: ino_t
    }

    /// Returns nil when there is nothing to be seen under that name.
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
        (size, modified) = (Int(status.st_size), status.st_mtim.tv_sec)
        identity = Identity(device: status.st_dev, inode: status.st_ino)
    }

    /// Who may reach the contents beside the owner.
    public enum Privacy: Hashable, Sendable {
        case ownerOnly
        /// A group that is meant to: this process's own, or that of a set-group-id folder (Kubernetes' `fsGroup`).
        case trustedGroup
        case otherGroup(AccountGroup)
        case everyone
    }

    /// - Parameter folder: in which the file is.
    public func privacy(in folder: FileStatus?) -> Privacy {
        if permissions & 0o007 != 0 { return .everyone }
        if permissions & 0o070 == 0 { return .ownerOnly }
        if group.isOfProcess { return .trustedGroup }
        if let folder, folder.permissions & 0o2000 != 0, folder.group == group { return .trustedGroup }
        return .otherGroup(group)
    }
}
