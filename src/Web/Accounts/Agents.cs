namespace OrleansGateway.Web.Accounts;

/// <summary>What people recognise a browser by.</summary>
internal static class Agents
{
    // The first that fits: Edge and Opera say that they are Chrome, and Chrome that it is Safari.
    private static readonly (string Mark, string Name)[] Browsers =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")];

    private static readonly (string Mark, string Name)[] Systems =
        [("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux")];

    public static string Name(string agent)
    {
        var browser = Find(Browsers, agent);
        var system = Find(Systems, agent);
        return browser is null && system is null ? agent : string.Join(", ", new[] { browser, system }.OfType<string>());
    }

    private static string? Find((string Mark, string Name)[] all, string agent) =>
        all.FirstOrDefault(one => agent.Contains(one.Mark, StringComparison.Ordinal)).Name;
}
