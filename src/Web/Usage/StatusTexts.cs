using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Web.Usage;

/// <summary>How a call ended, in the reader's language.</summary>
internal static class StatusTexts
{
    public static string Of(RequestStatus status) => Texts.ResourceManager.GetString($"Status{status}", Texts.Culture) ?? status.ToString();

    /// <param name="stored">As the database has it: <c>client_gone</c>.</param>
    public static string Of(string stored) =>
        Enum.TryParse<RequestStatus>(stored.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var status) ? Of(status) : stored;
}
