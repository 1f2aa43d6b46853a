using Microsoft.Extensions.Options;

namespace OrleansGateway.Hosting;

/// <summary>Collects what is wrong with the settings of one section; each message names its setting.</summary>
internal sealed class SettingProblems(string section)
{
    private readonly List<string> _problems = [];

    /// <summary>The addresses of a setting.</summary>
    public static IEnumerable<string> SplitUrls(string urls) =>
        urls.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public string Name(string setting) => SettingNames.Full($"{section}:{setting}");

    public void Add(string setting, string problem) => _problems.Add($"{Name(setting)} {problem}");

    public void CheckUrls(string setting, string urls)
    {
        if (!SplitUrls(urls).Any())
        {
            Add(setting, "is missing: an address such as http://127.0.0.1:8080.");
        }

        foreach (var url in SplitUrls(urls))
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed)
                || parsed.Scheme is not ("http" or "https") || parsed.PathAndQuery != "/" || parsed.UserInfo.Length > 0)
            {
                Add(setting, $"has '{url}', which is not an address such as http://127.0.0.1:8080.");
            }
        }
    }

    public void CheckRange(string setting, long value, long least, long most, string? unit = null)
    {
        if (value < least || value > most)
        {
            Add(setting, $"is {value}; it must be from {least} to {most}{(unit is null ? "" : $" {unit}")}.");
        }
    }

    /// <summary>All of them in one line.</summary>
    public override string ToString() => string.Join(' ', _problems);

    public ValidateOptionsResult ToResult() => _problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(_problems);
}
