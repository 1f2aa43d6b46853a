using System.Globalization;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>What the header <c>anthropic-beta</c> asks for: names, separated by commas.</summary>
public static class MessagesBetas
{
    /// <summary>The header.</summary>
    public const string Header = "anthropic-beta";

    private const string Window = "context-";

    /// <summary>The largest window that is asked for, and by which name; 0 when none is.</summary>
    public static (long Tokens, string Name) LargestWindow(string betas) => Names(betas)
        .Select(static name => (Tokens: WindowOf(name), Name: name)).Append((Tokens: 0, Name: "")).MaxBy(static window => window.Tokens);

    /// <summary>The header without the names that ask for a window.</summary>
    public static string WithoutWindows(string betas) => string.Join(',', Names(betas).Where(static name => WindowOf(name) == 0));

    private static string[] Names(string betas)
    {
        ArgumentNullException.ThrowIfNull(betas);
        return betas.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Of <c>context-1m-2025-08-07</c> a million; 0 of any other name.</summary>
    private static long WindowOf(string name)
    {
        var rest = name.StartsWith(Window, StringComparison.OrdinalIgnoreCase) ? name.AsSpan(Window.Length) : default;
        var digits = rest.IndexOfAnyExceptInRange('0', '9');
        var unit = digits <= 0 ? 0 : rest[digits] switch { 'k' or 'K' => 1000, 'm' or 'M' => 1_000_000, _ => 0 };
        return unit == 0 ? 0 : int.TryParse(rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? (long)number * unit : long.MaxValue;
    }
}
