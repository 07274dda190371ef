/// Whose evidence is looked at.
public enum Caller {
    /// The address that limits are counted by, or its network. A caller whose address is not known shares with nobody.
    @TaskLocal public static var network: String?
}
