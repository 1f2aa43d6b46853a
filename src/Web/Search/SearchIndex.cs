using System.Globalization;
using Markdig;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Web.Components;

namespace OrleansGateway.Web.Search;

/// <summary>Something that a search finds.</summary>
/// <param name="Address">On this site.</param>
/// <param name="Kind">What it is, in the reader's language.</param>
/// <param name="Text">Without markup.</param>
internal sealed record SearchEntry(string Address, string Kind, string Title, string Text);

/// <summary>An entry that fits, with the place that does.</summary>
/// <param name="Excerpt">Pieces of its text; those that fit are marked.</param>
internal sealed record SearchHit(SearchEntry Entry, IReadOnlyList<(string Text, bool IsMarked)> Excerpt);

/// <summary>The texts' sections and the models, few enough to be looked through whole.</summary>
internal sealed class SearchIndex(ContentTexts content, ISiteHost site)
{
    public const int QueryLengthMax = 200;
    private const int HitsMax = 50;
    private const int ExcerptBefore = 60;
    private const int ExcerptLength = 200;

    private readonly Dictionary<string, Built> _built = [];

    /// <summary>Entries with all words of a query, those with most of them in the title first.</summary>
    public IReadOnlyList<SearchHit> Find(string query)
    {
        var words = query.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 0
            ? []
            : [.. Entries().Where(entry => words.All(word => Has(entry.Title, word) || Has(entry.Text, word)))
                .OrderByDescending(entry => words.Count(word => Has(entry.Title, word))).Take(HitsMax)
                .Select(entry => new SearchHit(entry, Excerpt(entry.Text, words)))];
    }

    private IReadOnlyList<SearchEntry> Entries()
    {
        var language = CultureInfo.CurrentUICulture.TwoLetterISOLanguageName;
        var catalog = site.Catalog!;
        lock (_built)
        {
            if (!_built.TryGetValue(language, out var built) || built.Of != catalog)
            {
                built = new Built(catalog, [.. Models(catalog), .. Sections("docs", Texts.NavDocs), .. Sections("terms", Texts.NavTerms), .. Sections("privacy", Texts.NavPrivacy), .. Sections("contact", Texts.NavContact)]);
                _built[language] = built;
            }

            return built.Entries;
        }
    }

    private static IEnumerable<SearchEntry> Models(CatalogSnapshot catalog) =>
        from model in catalog.Models
        let providers = catalog.RoutesTo(model).Select(static route => route.Channel.Provider.DisplayName).Distinct()
        select new SearchEntry(
            $"/models/{model.Id}",
            Texts.Model,
            model.Id,
            string.Join(" · ", [.. providers, .. model.Aliases, CatalogTexts.Names(model.Input), CatalogTexts.Names(model.Output)]));

    /// <summary>What stands under each heading of a text.</summary>
    private IEnumerable<SearchEntry> Sections(string name, string kind)
    {
        var text = content.Markdown(name);
        var headings = Markdown.Parse(text, ContentTexts.Pipeline).OfType<HeadingBlock>().ToList();
        for (var i = 0; i < headings.Count; i++)
        {
            var end = i + 1 < headings.Count ? headings[i + 1].Span.Start : text.Length;
            yield return new SearchEntry(
                $"/{name}#{headings[i].GetAttributes().Id}",
                kind,
                Plain(text[headings[i].Span.Start..(headings[i].Span.End + 1)]),
                Plain(text[(headings[i].Span.End + 1)..end]));
        }
    }

    private static string Plain(string markdown) =>
        string.Join(' ', Markdown.ToPlainText(markdown, ContentTexts.Pipeline).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static bool Has(string text, string word) => text.Contains(word, StringComparison.OrdinalIgnoreCase);

    private static List<(string Text, bool IsMarked)> Excerpt(string text, string[] words)
    {
        var first = words.Select(word => text.IndexOf(word, StringComparison.OrdinalIgnoreCase)).Where(static place => place >= 0).DefaultIfEmpty(0).Min();
        var from = Math.Max(0, first - ExcerptBefore);
        var end = Math.Min(text.Length, from + ExcerptLength);
        var pieces = new List<(string, bool)>();
        if (from > 0)
        {
            pieces.Add(("… ", false));
        }

        while (from < end)
        {
            var (place, length) = words.Select(word => (Place: text.IndexOf(word, from, end - from, StringComparison.OrdinalIgnoreCase), word.Length))
                .Where(static one => one.Place >= 0).DefaultIfEmpty((end, 0)).MinBy(static one => one.Item1);
            pieces.Add((text[from..place], false));
            pieces.Add((text[place..(place + length)], true));
            from = place + length;
        }

        if (end < text.Length)
        {
            pieces.Add((" …", false));
        }

        return [.. pieces.Where(static piece => piece.Item1.Length > 0)];
    }

    private sealed record Built(CatalogSnapshot Of, IReadOnlyList<SearchEntry> Entries);
}
