import Glibc

/// Explains an error number by the path's state: the missing or inaccessible part, its owner and mode, this process's user.
struct FileDiagnosis {
    let path: String
    let action: FileAction
    let code: Int32

    /// The end of a sentence, after a colon.
    var reason: String {
        switch code {
        case ENOENT: missing
        case EISDIR: "it is a folder"
        case ENOTDIR: notAFolder
        case EACCES, EPERM: denied
        case EROFS: "its disk is mounted to be read only: copy what is there, and name the copy"
        case ENOSPC: "no room is left on its disk"
        case EDQUOT: "this user's disk quota is used up"
        case EEXIST: "it is there already"
        case ENOTEMPTY: "it is a folder that is not empty"
        case ELOOP:
            FileStatus.of(path, followingLinks: false)?.kind == .link ? "it is a link" : "its links form a loop"
        case EMFILE: "this process has too many files open (ulimit -n)"
        case ENFILE: "the machine has too many files open"
        default: String(cString: strerror(code))
        }
    }

    private var missing: String {
        guard !path.isEmpty else { return "its name is empty" }
        if FileStatus.of(path, followingLinks: false)?.kind == .link {
            let target = File.linkTarget(of: path).map { " to \($0)" } ?? ""
            return "it is a link\(target), which is not there"
        }
        guard let gap = ancestors.first(where: { FileStatus.of($0) == nil }) else { return "it is not there" }
        if case .make = action { return "the folder \(gap) is not there" }
        return "it is not there, and neither is the folder \(gap)"
    }

    private var notAFolder: String {
        for folder in ancestors where FileStatus.of(folder).map({ $0.kind != .folder }) == true {
            return "\(folder) is not a folder"
        }
        return "it is not a folder"
    }

    private var denied: String {
        let asker = Account.ofProcess
        for folder in ancestors where faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) != 0 {
            return blame(folder, isFolder: true, asker)
        }
        if let parent = ancestors.last, action.changesFolder || FileStatus.of(path, followingLinks: false) == nil,
            faccessat(AT_FDCWD, parent, W_OK, AT_EACCESS) != 0
        {
            return blame(parent, isFolder: true, asker)
        }
        if !action.changesFolder, faccessat(AT_FDCWD, path, action.needs, AT_EACCESS) != 0 {
            return blame(path, isFolder: false, asker)
        }
        // The mode permits it: an access list, a security module, an immutable file, a lost capability.
        return "the system forbids it to \(asker), though the mode permits it: see access lists, AppArmor or SELinux, "
            + "and lsattr"
    }

    private func blame(_ culprit: String, isFolder: Bool, _ asker: Account) -> String {
        let name = isFolder ? "the folder \(culprit)" : "it"
        guard let status = FileStatus.of(culprit) else { return "\(asker) may not see \(name)" }
        let mode = String(status.permissions, radix: 8)
        guard status.owner.id != asker.id else {
            return "\(name) is \(asker)'s own, but has mode \(mode): chmod u+\(isFolder ? "rwx" : "rw") \(culprit)"
        }
        // A folder of root's may be the system's, such as `/`: it stays root's.
        let change =
            isFolder && status.owner.id == 0
            ? "name another folder" : "give it to \(asker): chown \(asker.shellName) \(culprit)"
        return "\(name) belongs to \(status.owner) (mode \(mode)), and \(asker) asks: run this as its owner "
            + "(sudo -u \(status.owner.shellName) …), or \(change)"
    }

    /// The path's folders, the outermost first; `.` for a name alone.
    private var ancestors: [String] {
        let parts = path.split(separator: "/")
        let start = path.hasPrefix("/") ? ["/"] : ["."]
        guard parts.count > 1 else { return start }
        return start
            + (1..<parts.count).map { (path.hasPrefix("/") ? "/" : "") + parts.prefix($0).joined(separator: "/") }
    }
}
