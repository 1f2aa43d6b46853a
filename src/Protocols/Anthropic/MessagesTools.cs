namespace OrleansGateway.Protocols.Anthropic;

/// <summary>Kinds of tools.</summary>
internal static class MessagesTools
{
    private static readonly string[] OfClients = ["bash_", "text_editor_", "computer_", "memory_"];

    /// <summary>Whether the client runs it though the provider has designed it.</summary>
    public static bool IsRunByClient(string type) => OfClients.Any(prefix => type.StartsWith(prefix, StringComparison.Ordinal));
}
