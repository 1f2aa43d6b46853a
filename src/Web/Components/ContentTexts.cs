using System.Globalization;
using Markdig;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Web.Components;

/// <summary>Longer texts, from Markdown, completed from the settings in force.</summary>
internal sealed class ContentTexts(ISiteHost site, IOptions<SiteOptions> options)
{
    /// <summary>What may stand in them beside Markdown: nothing of HTML.</summary>
    internal static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().UseAutoIdentifiers().DisableHtml().Build();

    /// <summary>A text in the visitor's language, HTML.</summary>
    /// <param name="name">Its file's, in <c>Content</c>.</param>
    public string Html(string name) => Markdig.Markdown.ToHtml(Markdown(name), Pipeline);

    /// <summary>The same as it was written.</summary>
    public string Markdown(string name)
    {
        var language = CultureInfo.CurrentUICulture.TwoLetterISOLanguageName == "zh" ? "zh" : "en";
        using var file = typeof(ContentTexts).Assembly.GetManifestResourceStream($"{name}.{language}.md")!;
        using var reader = new StreamReader(file);
        var text = reader.ReadToEnd();
        foreach (var (placeholder, value) in Values())
        {
            text = text.Replace("{" + placeholder + "}", value, StringComparison.Ordinal);
        }

        return text;
    }

    private IEnumerable<(string Placeholder, string Value)> Values()
    {
        var set = options.Value;
        var providers = (site.Catalog?.Channels ?? []).Where(channel => channel.IsOn).Select(channel => channel.Provider).DistinctBy(provider => provider.Name);
        yield return ("Url", set.Url);
        yield return ("Version", Policies.Version);
        yield return ("Operator", set.Operator.Length > 0 ? set.Operator : set.Name);
        yield return ("AgeMinimum", set.AgeMinimum.ToString(CultureInfo.InvariantCulture));
        yield return ("CallsDays", site.CallsDays.ToString(CultureInfo.InvariantCulture));
        yield return ("SupportMail", Mail(set.SupportMail));
        yield return ("SecurityMail", Mail(set.SecurityMail.Length > 0 ? set.SecurityMail : set.SupportMail));
        yield return ("Providers", string.Join(
            ", ", providers.Select(provider => provider.PolicyUrl is { } policy ? $"[{provider.DisplayName}]({policy})" : provider.DisplayName)));
    }

    private static string Mail(string address) => address.Length > 0 ? $"[{address}](mailto:{address})" : "–";
}
