/// What is to be said of the program itself.
public enum GuestProgram {
    /// That of the release, as `kbs --version` has it.
    public static let version = "0.2.0"
}
